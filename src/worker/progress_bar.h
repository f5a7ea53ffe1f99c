// A progress bar for people: one line on stderr that is redrawn, and gone at the end.
#pragma once

namespace llorch {

/// Draws `done` (0..1) behind a word of what is done ("scoring"); at 1 the line is cleared.
void draw_bar(const char* what, double done);
/// The bar of a model that is loaded.
void draw_progress(double done);

}  // namespace llorch
