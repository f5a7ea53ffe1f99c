// The families, one line each; list.cpp puts them in the order in which messages name them.
#pragma once

#include "model/family.h"

namespace llorch {

extern const Family kLlama;
extern const Family kQwen2;
extern const Family kQwen3;
extern const Family kQwen3Moe;
extern const Family kPhi2;
extern const Family kPhi3;
extern const Family kGemma;
extern const Family kGemma2;
extern const Family kGemma3;
extern const Family kGpt2;
extern const Family kGptOss;
extern const Family kOlmo2;
extern const Family kGranite;
extern const Family kStarcoder2;
extern const Family kStableLm;
extern const Family kGptNeox;
extern const Family kFalcon;
extern const Family kCommandR;
extern const Family kCohere2;
extern const Family kSmolLm3;
extern const Family kDeepseek2;

}  // namespace llorch
