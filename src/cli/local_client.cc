#include "cli/local_client.h"

#include <optional>
#include <utility>

#include "model/stream_name.h"
#include "store/rocksdb_store.h"

namespace thalo::cli {
namespace {

std::uint64_t limit_of(std::uint64_t limit) { return limit == 0 ? UINT64_MAX : limit; }

class LocalClient final : public client::Client {
 public:
  explicit LocalClient(std::unique_ptr<store::Store> store) : store_(std::move(store)) {}

  void set_timeout(std::chrono::milliseconds) override {}

  base::Result<std::uint64_t> read_stream(const std::string& stream, const client::ReadOptions& options,
                                          const std::function<bool(const client::Event&)>& visit) override {
    if (auto name = model::StreamName::parse(stream); !name) return std::unexpected(name.error());
    store::StreamQuery query{.stream = stream, .limit = limit_of(options.limit)};
    if (options.backwards) query.direction = store::Direction::backwards;
    query.from = options.from.value_or(options.backwards ? store::newest : 0);
    return store_->read_stream(query, [&](const model::EventView& event) { return visit(shown(event)); });
  }

  base::Result<model::GlobalPosition> read_all(const client::ReadAllOptions& options,
                                               const std::function<bool(const client::Event&)>& visit) override {
    const store::Filter filter{options.categories, options.streams, options.types};
    auto read = store_->read_all({.from = options.from, .filter = &filter, .limit = limit_of(options.limit)},
                                 [&](const model::EventView& event) { return visit(shown(event)); });
    if (!read) return std::unexpected(read.error());
    return read->next;
  }

  base::Result<> list_streams(const std::string& category, std::uint64_t limit,
                              const std::function<bool(const client::StreamInfo&)>& visit) override {
    if (!category.empty()) {
      if (auto legal = model::check_category(category); !legal) return legal;
    }
    auto listed = store_->list_streams(
        {.category = category, .limit = limit_of(limit)},
        [&](const store::StreamSummary& stream) { return visit({std::string(stream.stream), stream.version}); });
    if (!listed) return std::unexpected(listed.error());
    return {};
  }

  base::Result<model::GlobalPosition> head() override { return store_->head(); }

  base::Result<> subscribe(const client::SubscribeOptions&,
                           const std::function<bool(const client::SubscriptionBatch&)>&) override {
    return needs_server();
  }
  base::Result<client::Outcome> execute(const client::Command&) override { return needs_server(); }
  base::Result<> execute_all(client::CommandSource&, std::size_t,
                             const std::function<void(std::uint64_t, base::Result<client::Outcome>)>&) override {
    return needs_server();
  }
  base::Result<client::Outcome> dry_run(const client::Command&) override { return needs_server(); }
  base::Result<client::Appended> append(const std::string&, const std::vector<model::NewEvent>&,
                                        const client::AppendOptions&) override {
    return needs_server();
  }
  base::Result<client::BackupMade> back_up(const std::string&, const std::function<void(std::uint64_t)>&) override {
    return needs_server();
  }
  base::Result<std::vector<client::Backup>> backups(const std::string&) override { return needs_server(); }
  base::Result<std::vector<client::Relay>> relays() override { return needs_server(); }
  base::Result<std::vector<client::Module>> modules() override { return needs_server(); }
  base::Result<client::Module> module(const std::string&) override { return needs_server(); }
  base::Result<client::Module> publish(const std::string&, const std::string&) override { return needs_server(); }
  base::Result<client::Module> rollback(const std::string&, std::uint32_t) override { return needs_server(); }
  base::Result<client::EntityDescription> describe(const std::string&, const std::string&) override {
    return needs_server();
  }
  base::Result<client::State> state(const std::string&, const std::string&, std::optional<std::uint64_t>,
                                    std::optional<std::int64_t>) override {
    return needs_server();
  }

 private:
  static std::unexpected<base::Error> needs_server() {
    return base::fail(base::Code::unimplemented, "this needs a running server; use --url instead of --store");
  }
  client::Event shown(const model::EventView& event) const {
    return {model::event_id(store_->id(), event.global_position),
            event.global_position,
            event.position,
            event.time_ms,
            std::string(event.stream),
            std::string(event.type),
            std::string(event.data),
            std::string(event.metadata)};
  }

  const std::unique_ptr<store::Store> store_;
};

}  // namespace

base::Result<std::unique_ptr<client::Client>> open_local(const std::filesystem::path& store) {
  auto opened = store::open_rocksdb_store_read_only(store);
  if (!opened) return std::unexpected(opened.error());
  return std::make_unique<LocalClient>(*std::move(opened));
}

}  // namespace thalo::cli
