// Dynamic shared memory of the block that runs, with addresses as instructions take them: bytes from the beginning of
// the multiprocessor's shared memory. Before each block it is filled with bytes that are NaN in every float format.
// What lies behind it may not be read (AddressSanitizer) or written (seen when the block has ended).
#pragma once

#include <cstddef>
#include <cstdint>

namespace llorch::emulator {

inline constexpr std::size_t kMostSharedBytes = 227 * 1024;  // that a block can ask for, as on compute capability 9.0
inline constexpr std::size_t kUsualSharedBytes = 48 * 1024;  // without asking
inline constexpr int kPoison = 0xFF;

/// For the blocks of a launch that asks for `bytes`, at most kMostSharedBytes.
void open_shared_memory(std::size_t bytes);
/// Before each of its blocks.
void fill_shared_memory();
/// After each: ends the process where the block wrote behind its memory.
void check_shared_memory();
/// After the last.
void close_shared_memory();

std::byte* shared_memory();

/// The address of a byte of dynamic shared memory; ends the process for any other.
std::uint32_t shared_offset(const void* at);
/// `bytes` bytes at an address; ends the process where they are not all dynamic shared memory.
std::byte* at_shared_offset(std::uint32_t offset, std::size_t bytes);

}  // namespace llorch::emulator
