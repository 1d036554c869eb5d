// A process with more than one Python in it (a host that loads two libpythons): each thread is shown by those that it runs.
#pragma once

#include <memory>
#include <vector>

#include "samplers/sampler.hpp"

namespace sampan::python {

// One walker an interpreter, in the order in which their files are mapped.
std::unique_ptr<Walker> several(std::vector<std::unique_ptr<Walker>> walkers);

}  // namespace sampan::python
