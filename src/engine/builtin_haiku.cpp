#include "engine/builtin_haiku.h"

// The assembler copies the file into the object: no generated source, and nothing to convert when the model is
// retrained.
#if defined(__APPLE__)
#define LLORCH_SECTION ".section __TEXT,__const\n"
#define LLORCH_SYMBOL(name) "_" name
#else
#define LLORCH_SECTION ".section .rodata\n"
#define LLORCH_SYMBOL(name) name
#endif
asm(LLORCH_SECTION
    ".balign 64\n"
    ".globl " LLORCH_SYMBOL("llorch_haiku_begin") "\n" LLORCH_SYMBOL("llorch_haiku_begin") ":\n"
    ".incbin \"" LLORCH_HAIKU_PATH "\"\n"
    ".globl " LLORCH_SYMBOL("llorch_haiku_end") "\n" LLORCH_SYMBOL("llorch_haiku_end") ":\n"
    ".byte 0\n"
    ".text\n");

extern "C" {
extern const std::byte llorch_haiku_begin[];
extern const std::byte llorch_haiku_end[];
}

namespace llorch {

std::span<const std::byte> builtin_haiku() {
  return {llorch_haiku_begin, llorch_haiku_end};
}

}  // namespace llorch
