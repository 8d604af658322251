// Subscribers beside a load: every event must reach each of them, in order, and it is measured how long after its
// command was acknowledged.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "load/driver.h"
#include "net/client_connection.h"

namespace thalo::load {

// When the newest events were acknowledged. One thread.
class Acknowledged {
 public:
  void add(std::uint64_t global_position, TimePoint time) { ring_[global_position % size] = {global_position, time}; }
  std::optional<TimePoint> of(std::uint64_t global_position) const {
    const Entry& entry = ring_[global_position % size];
    if (entry.time == TimePoint{} || entry.global_position != global_position) return std::nullopt;
    return entry.time;
  }

 private:
  static constexpr std::size_t size = std::size_t{1} << 20;
  struct Entry {
    std::uint64_t global_position = 0;
    TimePoint time{};
  };
  std::vector<Entry> ring_ = std::vector<Entry>(size);
};

class Subscriber final : public Caller, public net::ClientCall {
 public:
  // Follows the store from the global position `from` on; as the only member of a new projection of this name, which
  // acknowledges each batch, or by a subscription when it is empty.
  Subscriber(net::ClientConnection& connection, Driver& driver, const Acknowledged& acknowledged, std::uint64_t from,
             std::string projection = {});

  void begin() override;
  bool lost() const override { return ended_; }
  // Once nothing more is written: ends when `events` events have come.
  void end_after(std::uint64_t events);

  void on_message(std::string_view message) override;
  void on_end(const net::Status& status) override;

 private:
  void record(std::uint64_t count);

  net::ClientConnection& connection_;
  Driver& driver_;
  const Acknowledged& acknowledged_;
  const std::uint64_t from_;
  const std::string projection_;
  std::uint64_t next_;
  bool in_order_ = true;
  bool cancelled_ = false;
  bool ended_ = false;
};

}  // namespace thalo::load
