#include "load/settings.h"

#include <string_view>

#include "base/json.h"

namespace thalo::load {

namespace {

using base::Code;
using std::chrono::seconds;

std::unexpected<base::Error> wrong(std::string message) {
  return base::fail(Code::invalid_argument, std::move(message));
}

}  // namespace

bool writes(Workload workload) {
  return workload != Workload::read && workload != Workload::catchup && workload != Workload::project &&
         workload != Workload::empty;
}

base::Result<std::string> padded(const std::string& payload, std::size_t size_bytes) {
  const auto members = base::json_members(payload);
  if (!members) return wrong("--payload is not a JSON object: " + payload);
  if (size_bytes == 0 || size_bytes == payload.size()) return payload;
  const std::string_view separator = members->empty() ? "" : ",";
  std::string out = payload.substr(0, payload.rfind('}'));
  out += separator;
  out += R"("padding":")";
  const std::size_t size = out.size() + 2;
  if (size > size_bytes) {
    return wrong("--payload-size " + std::to_string(size_bytes) + " is too small for --payload, which needs " +
                 std::to_string(payload.size()) + " as it is and at least " + std::to_string(size) +
                 " filled up; 0 leaves it as it is");
  }
  out.append(size_bytes - size, 'x');
  return out + "\"}";
}

base::Result<> check(const Settings& settings) {
  if (settings.callers == 0 || settings.callers > 1'000'000) return wrong("--callers must be 1 to 1000000");
  if (settings.threads == 0 || settings.threads > 64) return wrong("--threads must be 1 to 64");
  if (settings.connections == 0 || settings.connections > 10'000) return wrong("--connections must be 1 to 10000");
  if (settings.connections > settings.callers) {
    return wrong("--connections " + std::to_string(settings.connections) + " is more than --callers " +
                 std::to_string(settings.callers) + ": some would have nothing to do");
  }
  if (settings.threads > settings.connections && !settings.in_process) {
    return wrong("--threads " + std::to_string(settings.threads) + " is more than --connections " +
                 std::to_string(settings.connections) + ": some would have nothing to do");
  }
  if (settings.entities == 0 || settings.entities > 100'000'000) return wrong("--entities must be 1 to 100000000");
  if (settings.duration < std::chrono::milliseconds(100) || settings.duration > std::chrono::hours(24)) {
    return wrong("--duration must be 0.1 to 86400 seconds");
  }
  if (settings.warm_up < seconds(0) || settings.warm_up > std::chrono::hours(1)) {
    return wrong("--warm-up must be 0 to 3600 seconds");
  }
  // A slower one is due at no time that the clock can tell.
  if (settings.rate != 0 && !(settings.rate >= 0.001 && settings.rate <= 1e8))
    return wrong("--rate must be 0 or 0.001 to 100000000 a second");
  if (settings.shards > 1024) return wrong("--shards must be 0 to 1024");
  if (settings.batch == 0 || settings.batch > 4096) return wrong("--batch must be 1 to 4096");
  if (settings.events == 0 || settings.events > 10'000'000) return wrong("--events must be 1 to 10000000");
  if (settings.streams == 0 || settings.streams > 1000) return wrong("--streams must be 1 to 1000");
  if (settings.read_percent > 100) return wrong("--read-percent must be 0 to 100");
  if (settings.payload_bytes > (std::size_t{8} << 20)) return wrong("--payload-size must be at most 8388608 bytes");
  const auto payload = padded(settings.payload, settings.payload_bytes);
  if (!payload) return std::unexpected(payload.error());
  const std::size_t under_way =
      payload->size() * settings.callers * (settings.workload == Workload::append ? settings.batch : 1);
  if (writes(settings.workload) && under_way > std::size_t{1} << 30) {
    return wrong("--callers, --batch and --payload-size make " + std::to_string(under_way) +
                 " bytes under way at once; 1073741824 is the most");
  }
  if (settings.workload == Workload::subscribe && settings.threads > 1) {
    return wrong("subscribe needs --threads 1: the thread that writes an event times its delivery");
  }
  if (settings.subscribers > 1000) return wrong("--subscribers must be at most 1000");
  if (settings.projections > 1000) return wrong("--projections must be at most 1000");
  if (settings.workload == Workload::subscribe && settings.subscribers + settings.projections == 0) {
    return wrong("--subscribers and --projections are both 0: nobody would follow");
  }
  if (settings.distribution == Distribution::each && settings.threads > 1) {
    return wrong("--distribution each needs --threads 1: several threads would take the same entities");
  }
  return {};
}

}  // namespace thalo::load
