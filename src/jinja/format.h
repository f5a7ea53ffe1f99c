// The two ways in which Python formats text: "%s" % value and "{}".format(value).
#pragma once

#include "jinja/runtime.h"

namespace llorch::jinja {

/// format % arguments: a tuple is many arguments, a dict gives %(name)s.
Text percent_format(Runtime& runtime, const Text& format, const Value& arguments);
/// format.format(...), attributes and items in fields included; what starts with '_' is refused as in Jinja's sandbox.
Text brace_format(Runtime& runtime, const Text& format, const Arguments& arguments);
/// format.format_map(mapping): names are looked up in a dict.
Text brace_format_map(Runtime& runtime, const Text& format, const Value& mapping);

}  // namespace llorch::jinja
