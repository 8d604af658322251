#include "rpc/reflection.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <memory>
#include <set>
#include <utility>

#include "grpc/reflection/v1/reflection.pb.h"
#include "grpc/reflection/v1alpha/reflection.pb.h"
#include "rpc/translate.h"

namespace thalo::rpc {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::FileDescriptor;

// The two versions differ in nothing but their package.
template <class Request, class Response>
class ReflectionHandler final : public net::StreamHandler {
 public:
  ReflectionHandler(net::Stream stream, const std::vector<std::string>& services)
      : stream_(std::move(stream)), services_(services) {}

  void on_message(std::string_view message) override {
    auto request = parse<Request>(message);
    if (!request) return stream_.finish(net::Status::from(std::move(request.error())));
    Response response;
    response.set_valid_host(request->host());
    *response.mutable_original_request() = *request;
    answer(*request, response);
    if (auto written = stream_.write(response.SerializeAsString()); !written)
      stream_.finish(net::Status::from(written.error()));
  }

  void on_half_close() override { stream_.finish(net::Status::ok()); }
  void on_draining() override {
    stream_.finish(net::Status::error(base::Code::unavailable, "the server is shutting down"));
  }

 private:
  void answer(const Request& request, Response& response) {
    const DescriptorPool& pool = *DescriptorPool::generated_pool();
    switch (request.message_request_case()) {
      case Request::kListServices:
        for (const std::string& service : services_)
          response.mutable_list_services_response()->add_service()->set_name(service);
        return;
      case Request::kFileByFilename:
        return add_file(pool.FindFileByName(request.file_by_filename()), "file " + request.file_by_filename(),
                        response);
      case Request::kFileContainingSymbol:
        return add_file(pool.FindFileContainingSymbol(request.file_containing_symbol()),
                        "symbol " + request.file_containing_symbol(), response);
      default:
        return fail(base::Code::not_found, "there are no extensions", response);
    }
  }

  // The file and everything it imports, so that the client needs one round trip.
  void add_file(const FileDescriptor* file, const std::string& asked, Response& response) {
    if (file == nullptr) return fail(base::Code::not_found, "unknown " + asked, response);
    std::set<const FileDescriptor*> seen;
    add_with_imports(file, seen, response);
  }

  void add_with_imports(const FileDescriptor* file, std::set<const FileDescriptor*>& seen, Response& response) {
    if (!seen.insert(file).second) return;
    google::protobuf::FileDescriptorProto proto;
    file->CopyTo(&proto);
    response.mutable_file_descriptor_response()->add_file_descriptor_proto(proto.SerializeAsString());
    for (int i = 0; i < file->dependency_count(); ++i) add_with_imports(file->dependency(i), seen, response);
  }

  void fail(base::Code code, const std::string& message, Response& response) {
    response.mutable_error_response()->set_error_code(static_cast<int>(code));
    response.mutable_error_response()->set_error_message(message);
  }

  net::Stream stream_;
  const std::vector<std::string>& services_;
};

template <class Request, class Response>
void add_version(net::Router& methods, const std::string& package,
                 const std::shared_ptr<const std::vector<std::string>>& services) {
  methods.streaming("/" + package + ".ServerReflection/ServerReflectionInfo", [services](net::Stream stream) {
    return std::make_unique<ReflectionHandler<Request, Response>>(std::move(stream), *services);
  });
}

}  // namespace

void add_reflection(net::Router& methods, std::vector<std::string> services) {
  namespace v1 = ::grpc::reflection::v1;
  namespace v1alpha = ::grpc::reflection::v1alpha;
  const auto shared = std::make_shared<const std::vector<std::string>>(std::move(services));
  add_version<v1::ServerReflectionRequest, v1::ServerReflectionResponse>(methods, "grpc.reflection.v1", shared);
  add_version<v1alpha::ServerReflectionRequest, v1alpha::ServerReflectionResponse>(methods, "grpc.reflection.v1alpha",
                                                                                   shared);
}

}  // namespace thalo::rpc
