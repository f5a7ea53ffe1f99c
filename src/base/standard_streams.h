// For main() alone: descriptors 0 to 2 belong to the standard streams, whatever the program was started with.
#pragma once

namespace llorch {

/// Call it before anything opens a file. A standard descriptor that is closed (`>&-`) is taken: the next file that is
/// opened would get its number, and what is printed would go into that file. Reading or writing it fails as before:
/// EBADF.
void open_standard_streams();

}  // namespace llorch
