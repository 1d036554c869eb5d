// Whose a result is: the labels that it bears in every format and at every destination. Process and thread ids are none of them.
#pragma once

#include <map>
#include <string>

#include "agent/contract/stages.hpp"
#include "agent/result/run_result.hpp"

namespace sampan {

// Of a whole run: the node, what all processes have in common (namespace, pod, container, their ids, runtime), and the user's own.
std::map<std::string, std::string> labels_of(const PictureOptions& options, const Sampled& sampled);

// What a part's files are called by.
struct PartNames {
  std::string readable;   // `shop_web-1_app`
  std::string unique;     // the beginning of an id, or a process id; empty: none
};
// Makes of the whole's description that of the part under a frame of that kind (an empty frame: what belongs to none):
// its title, labels and rate.
PartNames describe_part(Description& description, const PictureOptions& options, const Sampled& sampled, FrameKind kind, const Frame& part);

}  // namespace sampan
