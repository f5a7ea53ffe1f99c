// The families, one line each; list.cpp puts them in the order in which messages name them.
#pragma once

#include "model/family.h"

namespace llorch {

extern const Family kLlama;
extern const Family kQwen2;

}  // namespace llorch
