// src/net against Google's C++ client, grpc++.
#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "grpc/testing/test.grpc.pb.h"
#include "net/server.h"
#include "tests/interop/scheduler.h"
#include "tests/interop/test_service.h"

namespace thalo::interop {
namespace {

namespace pb = ::grpc::testing;
using namespace std::chrono_literals;
using ::testing::HasSubstr;

class GrpcppTest : public ::testing::Test {
 protected:
  GrpcppTest() { start(); }

  void start(const std::string& address = "127.0.0.1:0") {
    net::Router router;
    register_test_service(router, scheduler);
    router.unary("/test.Details/Fail", [](net::UnaryCall call) {
      call.fail(net::Status{9, "not now", std::string("\x08\x09\x12\x01x", 5)});
    });
    net::ServerOptions options;
    options.addresses = {address};
    options.threads = 2;
    auto started = net::Server::start(std::move(options), std::move(router));
    ASSERT_TRUE(started) << started.error().message;
    server = std::move(*started);
  }
  std::shared_ptr<::grpc::Channel> channel() {
    ::grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 10);
    return ::grpc::CreateCustomChannel(server->addresses().front(), ::grpc::InsecureChannelCredentials(), arguments);
  }
  std::unique_ptr<pb::TestService::Stub> stub() { return pb::TestService::NewStub(channel()); }

  Scheduler scheduler;
  std::unique_ptr<net::Server> server;
};

TEST_F(GrpcppTest, ManyThreadsCallAtOnce) {
  const auto shared = stub();
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 8; ++thread) {
    threads.emplace_back([&] {
      for (int size = 0; size < 500; ++size) {
        ::grpc::ClientContext context;
        pb::SimpleRequest request;
        request.set_response_size(size);
        pb::SimpleResponse response;
        const ::grpc::Status status = shared->UnaryCall(&context, request, &response);
        if (!status.ok() || static_cast<int>(response.payload().body().size()) != size) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(GrpcppTest, AFailureArrivesWithMetadata) {
  ::grpc::ClientContext context;
  context.AddMetadata("x-grpc-test-echo-initial", "initial");
  context.AddMetadata("x-grpc-test-echo-trailing-bin", std::string("\0\xab", 2));
  pb::SimpleRequest request;
  request.mutable_response_status()->set_code(5);
  request.mutable_response_status()->set_message("no such thing: 100% ☺");
  pb::SimpleResponse response;
  const ::grpc::Status status = stub()->UnaryCall(&context, request, &response);
  EXPECT_EQ(status.error_code(), ::grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(status.error_message(), "no such thing: 100% ☺");
  EXPECT_EQ(context.GetServerInitialMetadata().find("x-grpc-test-echo-initial")->second, "initial");
  EXPECT_EQ(context.GetServerTrailingMetadata().find("x-grpc-test-echo-trailing-bin")->second,
            std::string("\0\xab", 2));
}

TEST_F(GrpcppTest, StatusDetailsArrive) {
  ::grpc::TemplatedGenericStub<pb::Empty, pb::Empty> generic(channel());
  ::grpc::ClientContext context;
  ::grpc::CompletionQueue queue;
  const auto call = generic.PrepareUnaryCall(&context, "/test.Details/Fail", pb::Empty(), &queue);
  call->StartCall();
  pb::Empty response;
  ::grpc::Status status;
  call->Finish(&response, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  ASSERT_TRUE(queue.Next(&tag, &ok));
  EXPECT_EQ(status.error_code(), ::grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(status.error_details(), std::string("\x08\x09\x12\x01x", 5));
}

TEST_F(GrpcppTest, GzipWorksInBothDirections) {
  ::grpc::ClientContext context;
  context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
  pb::SimpleRequest request;
  request.mutable_payload()->set_body(std::string(100'000, 'x'));
  request.set_response_size(100'000);
  request.mutable_response_compressed()->set_value(true);
  pb::SimpleResponse response;
  EXPECT_TRUE(stub()->UnaryCall(&context, request, &response).ok());
  EXPECT_EQ(response.payload().body().size(), 100'000U);
}

TEST_F(GrpcppTest, BidirectionalStreamsRunSideBySide) {
  const auto shared = stub();
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 8; ++thread) {
    threads.emplace_back([&] {
      ::grpc::ClientContext context;
      const auto stream = shared->FullDuplexCall(&context);
      for (int size = 0; size < 300; ++size) {
        pb::StreamingOutputCallRequest request;
        request.add_response_parameters()->set_size(size);
        pb::StreamingOutputCallResponse response;
        if (!stream->Write(request) || !stream->Read(&response) ||
            static_cast<int>(response.payload().body().size()) != size) {
          ++wrong;
        }
      }
      stream->WritesDone();
      if (!stream->Finish().ok()) ++wrong;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(GrpcppTest, CancellationEndsAStream) {
  const auto shared = stub();
  ::grpc::ClientContext context;
  pb::StreamingOutputCallRequest request;
  for (int index = 0; index < 1000; ++index) {
    request.add_response_parameters()->set_size(1000);
    request.mutable_response_parameters(index)->set_interval_us(1000);
  }
  const auto reader = shared->StreamingOutputCall(&context, request);
  pb::StreamingOutputCallResponse response;
  EXPECT_TRUE(reader->Read(&response));
  context.TryCancel();
  while (reader->Read(&response)) {
  }
  EXPECT_EQ(reader->Finish().error_code(), ::grpc::StatusCode::CANCELLED);
}

TEST_F(GrpcppTest, ADeadlinePasses) {
  ::grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + 30ms);
  pb::StreamingOutputCallRequest request;
  request.add_response_parameters()->set_interval_us(60'000'000);
  const auto reader = stub()->StreamingOutputCall(&context, request);
  pb::StreamingOutputCallResponse response;
  EXPECT_FALSE(reader->Read(&response));
  EXPECT_EQ(reader->Finish().error_code(), ::grpc::StatusCode::DEADLINE_EXCEEDED);
}

TEST_F(GrpcppTest, ADrainedServerFinishesItsStreamAndTheClientFindsTheNextServer) {
  const auto shared = stub();
  ::grpc::ClientContext context;
  const auto stream = shared->FullDuplexCall(&context);
  pb::StreamingOutputCallRequest request;
  request.add_response_parameters()->set_size(7);
  pb::StreamingOutputCallResponse response;
  ASSERT_TRUE(stream->Write(request));
  ASSERT_TRUE(stream->Read(&response));
  const std::string address = server->addresses().front();
  std::thread drainer([&] { EXPECT_TRUE(server->drain(net::no_deadline)); });
  ASSERT_TRUE(stream->Write(request));
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.payload().body().size(), 7U);
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
  drainer.join();
  server.reset();
  start(address);
  ::grpc::ClientContext next;
  next.set_wait_for_ready(true);
  pb::Empty empty;
  EXPECT_TRUE(shared->EmptyCall(&next, pb::Empty(), &empty).ok());
}

}  // namespace
}  // namespace thalo::interop
