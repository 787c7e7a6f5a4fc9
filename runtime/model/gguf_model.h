// A GGUF file as a model: <architecture>.* keys into a ModelShape, tensors into weights.
#pragma once

#include "runtime/model/gguf.h"
#include "runtime/model/stored_model.h"

namespace paretune {

// The contents point into the bytes behind gguf. Throws std::runtime_error.
ModelContents read_gguf_model(const Gguf& gguf);

}  // namespace paretune
