// A progress bar for people: one line on stderr that is redrawn, and gone at the end.
#pragma once

namespace llorch {

/// Draws `done` (0..1); at 1 the line is cleared.
void draw_progress(double done);

}  // namespace llorch
