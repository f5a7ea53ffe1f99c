// What an option's text may be; the message that refuses it is the parser's, with the option's name.
#pragma once

#include <CLI/CLI.hpp>
#include <cstddef>
#include <cstdint>

namespace llorch::cli {

/// Accepts a finite number in [low, high]; CLI::Range lets NaN through.
CLI::Validator number_in(double low, double high);
/// Accepts a decimal whole number in [low, high]; CLI::Range takes what overflows an int for 0, and hexadecimals, and
/// octals after a 0.
CLI::Validator whole_in(std::uint64_t low, std::uint64_t high);

/// Refuses "", which an unset shell variable leaves.
CLI::Validator not_empty();
/// Of a file to read or to write: refuses "", and "-", which elsewhere is a pipe and here would be a name.
CLI::Validator file_name();
/// Accepts a text of low to high bytes.
CLI::Validator bytes_in(std::size_t low, std::size_t high);

}  // namespace llorch::cli
