// An adapter merged into its base, for export alone: the weights W' with x·W'ᵀ what the layer
// computes. A merged weight is rounded once more, so its log-probs are others than the adapter's;
// training and sampling run on the unmerged layers (linear.h).
//
//   W' = W + s·B·A                        Hu et al. 2021 (arXiv 2106.09685), §4.1
//   W' = m ∘ (W + s·B·A)/‖W + s·B·A‖      with DoRA, Liu et al. 2024 (arXiv 2402.09353), eq. 5
#pragma once

#include <span>
#include <string>

#include "temper/engine/model/model.h"

namespace temper::model {

/// The values of a tensor of tensors_of(config()), with its adapter, if it has one; in float32.
void read_merged(const Model& model, const std::string& name, std::span<float> out);

}  // namespace temper::model
