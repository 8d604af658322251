#include "rpc/projection_info.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace thalo::rpc {

base::Result<> check_joined_name(std::string_view name) {
  if (!name.starts_with('$')) return {};
  return base::fail(base::Code::invalid_argument,
                    "name: names that begin with '$' are the runtime's own (its relays'); take another one");
}

// What is not said is the default.
feed::FailurePolicy policy_from_wire(const v1::FailurePolicy& policy) {
  feed::FailurePolicy out{.attempts_max = policy.attempts_max()};
  if (policy.backoff_max_ms() != 0) out.backoff_max = std::chrono::milliseconds(policy.backoff_max_ms());
  out.backoff_first = policy.backoff_first_ms() != 0 ? std::chrono::milliseconds(policy.backoff_first_ms())
                                                     : std::min(out.backoff_first, out.backoff_max);
  if (policy.parked_streams_max() != 0) out.parked_streams_max = policy.parked_streams_max();
  return out;
}

namespace {

void to_wire(const feed::FailurePolicy& policy, v1::FailurePolicy& out) {
  out.set_attempts_max(policy.attempts_max);
  out.set_backoff_first_ms(static_cast<std::uint32_t>(policy.backoff_first.count()));
  out.set_backoff_max_ms(static_cast<std::uint32_t>(policy.backoff_max.count()));
  out.set_parked_streams_max(policy.parked_streams_max);
}

void to_wire(feed::HeldStream&& held, v1::ProjectionInfo::HeldStream& out) {
  out.set_stream(std::move(held.stream));
  out.set_parked(held.state == feed::HeldState::parked);
  out.set_position(held.position);
  out.set_global_position(held.global_position);
  out.set_attempts(held.attempts);
  out.set_error(std::move(held.error));
  out.set_first_failed_ms(held.first_failed_ms);
  out.set_last_failed_ms(held.last_failed_ms);
  out.set_retry_at_ms(held.retry_at_ms);
}

}  // namespace

void to_wire(feed::ProjectionDescription&& description, v1::ProjectionInfo& out) {
  out.set_name(std::move(description.name));
  for (const store::Filter& part : description.filter) {
    auto& filter = *out.add_filters();
    for (const std::string& text : part.categories) filter.add_categories(text);
    for (const std::string& text : part.types) filter.add_types(text);
    for (const std::string& text : part.streams) filter.add_streams(text);
  }
  to_wire(description.policy, *out.mutable_policy());
  out.set_cursor(description.cursor);
  out.set_head(description.head);
  out.set_lag_events(description.lag_events);
  out.set_lag_ms(description.lag_ms);
  out.set_paused(description.paused);
  out.set_stopped(std::move(description.stopped));
  for (feed::MemberDescription& member : description.members) {
    auto& shown = *out.add_members();
    shown.set_member(std::move(member.member));
    shown.set_unacknowledged(member.unacknowledged);
  }
  for (feed::HeldStream& held : description.held) to_wire(std::move(held), *out.add_held());
  for (std::string& part : description.unseen) out.add_unseen(std::move(part));
  out.set_delivered(description.delivered);
  out.set_failures(description.failures);
  out.set_skipped(description.skipped);
}

}  // namespace thalo::rpc
