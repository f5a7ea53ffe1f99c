// Names for messages.
#pragma once

#include <source_location>
#include <string>

namespace llorch::emulator {

/// A function of this program by its address, as C++ writes it; its address when the program has no symbols.
std::string name_of(const void* function);
/// "attend_tiles.cu:123"
std::string place_of(const std::source_location& at);

}  // namespace llorch::emulator
