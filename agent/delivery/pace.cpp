#include "agent/delivery/pace.hpp"

#include <algorithm>
#include <cmath>

namespace sampan {

void Pace::failed(double now, double random, std::optional<double> asked) {
  const double wait = std::min(kLongestWait, std::ldexp(kFirstWait, static_cast<int>(std::min(failures_, 16u))));
  ++failures_;
  recovering_ = true;
  if (own_moment_ == 0) own_moment_ = kSpread * random;
  // All whom a server asks to come at one moment come within half as long after it.
  due_ = asked && *asked > wait ? now + *asked * (1 + 0.5 * random) : now + wait * (0.5 + 0.5 * random);
}

void Pace::succeeded(double now, double random, bool more) {
  failures_ = 0;
  recovering_ &= more;
  due_ = recovering_ ? now + 2 * kBetween * random : now;
}

void Pace::arrived(double now) { due_ = std::max(due_, now + own_moment_); }

}  // namespace sampan
