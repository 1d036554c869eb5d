// What a Sampler is too where it tells that another one would see a process more truly.
#pragma once

#include <vector>

#include "samplers/process/identity.hpp"

namespace sampan {

class Doubting {
 public:
  virtual ~Doubting() = default;
  // Processes of whose samples more than a twentieth are suspect (Walked::Suspect), by more than chance.
  virtual std::vector<Identity> doubtful() const = 0;
};

}  // namespace sampan
