// SPDX-License-Identifier: Apache-2.0
// Choosing the inputs and outputs of a network: those of the file, or those that the user names.
#pragma once

#include <span>
#include <string>

#include "import/tensorflow/network.h"

namespace saccade::tensorflow {

class Variables;

/// Sets the outputs to these values ("name", "name:1", "name:0"; a name of no port means the first); none: to the nodes that nobody
/// reads. Throws Error(not_found) for names that the network does not have, with the nearest one.
void choose_outputs(Network& network, std::span<const std::string> names);

/// Makes these values ("name", "name:1") or node inputs ("0:name") inputs of the network, of the types that they would have had as far as that
/// can be told, for which variables may be needed. After choose_outputs and Library::expand.
void cut_inputs(Network& network, std::span<const std::string> names, Variables* variables = nullptr);

}  // namespace saccade::tensorflow
