#include "samplers/sampler.hpp"

#include <algorithm>

namespace sampan {

Quality& Quality::operator+=(const Quality& other) {
  wanted += other.wanted;
  taken += other.taken;
  idle += other.idle;
  frameless += other.frameless;
  suspect += other.suspect;
  truncated += other.truncated;
  failed += other.failed;
  lost += other.lost;
  late += other.late;
  unresolved = std::max(unresolved, other.unresolved);   // these two are counted in the context that all tiers share
  inferred = std::max(inferred, other.inferred);
  stopped += other.stopped;
  traced += other.traced;
  stops += other.stops;
  return *this;
}

}  // namespace sampan
