#include "rpc/health.h"

#include <utility>

#include "rpc/translate.h"

namespace thalo::rpc {

// Registered from its request until it is destroyed; told of changes under the lock, so that none is missed and none
// comes twice.
class Health::WatchHandler final : public net::StreamHandler {
 public:
  WatchHandler(net::Stream stream, Health& health) : stream_(std::move(stream)), health_(health) {}
  ~WatchHandler() override {
    std::lock_guard lock(health_.mutex_);
    health_.watchers_.erase(this);
  }

  void on_message(std::string_view message) override {
    auto request = parse<::grpc::health::v1::HealthCheckRequest>(message);
    if (!request) return stream_.finish(net::Status::from(std::move(request.error())));
    std::lock_guard lock(health_.mutex_);
    service_ = request->service();
    health_.watchers_.insert(this);
    tell();
  }
  void on_half_close() override {}
  void on_draining() override {
    stream_.finish(net::Status::error(base::Code::unavailable, "the server is shutting down"));
  }

  void tell() {
    Status status;
    status.set_status(health_.status_of(service_));
    if (auto written = stream_.write(status.SerializeAsString()); !written)
      stream_.finish(net::Status::from(written.error()));
  }

 private:
  net::Stream stream_;
  Health& health_;
  std::string service_;
};

Health::Status::ServingStatus Health::status_of(std::string_view service) const {
  if (!service.empty() && !services_.contains(std::string(service))) return Status::SERVICE_UNKNOWN;
  return serving_ ? Status::SERVING : Status::NOT_SERVING;
}

void Health::set_serving(bool serving) {
  std::lock_guard lock(mutex_);
  if (serving_ == serving) return;
  serving_ = serving;
  for (WatchHandler* watcher : watchers_) watcher->tell();
}

void Health::add_to(net::Router& methods) {
  methods.unary("/grpc.health.v1.Health/Check", [this](net::UnaryCall call) {
    auto request = parse<::grpc::health::v1::HealthCheckRequest>(call.request());
    if (!request) return call.fail(std::move(request.error()));
    Status status;
    {
      std::lock_guard lock(mutex_);
      status.set_status(status_of(request->service()));
    }
    if (status.status() == Status::SERVICE_UNKNOWN) {
      return call.fail(base::Error{base::Code::not_found, "no service named '" + request->service() + "'"});
    }
    call.finish(status.SerializeAsString());
  });
  methods.streaming("/grpc.health.v1.Health/Watch",
                    [this](net::Stream stream) { return std::make_unique<WatchHandler>(std::move(stream), *this); });
}

}  // namespace thalo::rpc
