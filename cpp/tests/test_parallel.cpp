#include "drtengine/parallel.hpp"

#include "support.hpp"

#include <string>

namespace drtengine::testing {
namespace {

using namespace std::chrono_literals;

constexpr int kThreads[] = {1, 3};

// Sleeps for a millisecond a chunk; visits counts the chunks.
auto slow_worker(std::atomic<Index>& visits) {
  return [&visits] {
    return [&visits](Index, Index) {
      std::this_thread::sleep_for(1ms);
      ++visits;
    };
  };
}

TEST_CASE("every index is visited once, in chunks that do not depend on the threads") {
  for (const Index count : {0, 1, 2, 7, 8, 9, 63, 1000}) {
    for (const Index chunk : {1, 3, 8, 64, 2000}) {
      for (const int n_threads : {0, 1, 2, 3, 7, 16}) {
        CAPTURE(count);
        CAPTURE(chunk);
        CAPTURE(n_threads);
        std::vector<std::atomic<int>> visits(static_cast<std::size_t>(count));
        std::atomic<int> odd_chunks = 0;
        parallel_for(count, chunk, n_threads, {}, [&] {
          return [&](Index begin, Index end) {
            odd_chunks += begin % chunk != 0 || end != std::min(begin + chunk, count);
            for (Index i = begin; i < end; ++i) ++visits[static_cast<std::size_t>(i)];
          };
        });
        CHECK(std::ranges::all_of(visits, [](const auto& n) { return n == 1; }));
        CHECK(odd_chunks.load() == 0);
      }
    }
  }
}

TEST_CASE("every thread makes a worker of its own, and no more threads than chunks") {
  for (const int n_threads : {1, 2, 5, 40}) {
    std::atomic<int> workers = 0, strangers = 0;
    parallel_for(20, 2, n_threads, {}, [&] {
      ++workers;
      return [&, home = std::this_thread::get_id()](Index, Index) { strangers += std::this_thread::get_id() != home; };
    });
    CHECK(workers.load() == std::min(n_threads, 10));
    CHECK(strangers.load() == 0);
  }
}

TEST_CASE("one thread is the calling one") {
  const auto caller = std::this_thread::get_id();
  bool elsewhere = false;
  parallel_for(5, 1, 1, {},
               [&] { return [&](Index, Index) { elsewhere = elsewhere || std::this_thread::get_id() != caller; }; });
  CHECK(!elsewhere);
}

TEST_CASE("a worker's exception stops the others and comes back") {
  for (const int n_threads : kThreads) {
    CAPTURE(n_threads);
    std::atomic<Index> visits = 0;
    const auto fail_at_once = [&] {
      return [&](Index begin, Index) {
        if (begin == 0) throw std::runtime_error("chunk 0");
        std::this_thread::sleep_for(1ms);
        ++visits;
      };
    };
    CHECK_THROWS_WITH_AS(parallel_for(1000, 1, n_threads, {}, fail_at_once), "chunk 0", std::runtime_error);
    CHECK(visits.load() < 500);
  }
}

TEST_CASE("an exception while a worker is made comes back") {
  for (const int n_threads : kThreads) {
    const auto no_memory = []() -> std::function<void(Index, Index)> { throw std::bad_alloc(); };
    CHECK_THROWS_AS(parallel_for(10, 1, n_threads, {}, no_memory), std::bad_alloc);
  }
}

TEST_CASE("the hook hears of the progress, on the calling thread") {
  for (const int n_threads : kThreads) {
    CAPTURE(n_threads);
    std::atomic<Index> visits = 0;
    const auto caller = std::this_thread::get_id();
    std::vector<Index> heard;
    bool fits = true;
    const auto hook = [&](Index done, Index total) {
      fits = fits && total == 200 && std::this_thread::get_id() == caller;
      heard.push_back(done);
      return true;
    };
    parallel_for(200, 2, n_threads, hook, slow_worker(visits));
    CHECK(visits.load() == 100);
    CHECK(fits);
    CHECK(!heard.empty());
    CHECK(heard.size() <= 100);
    CHECK(std::ranges::is_sorted(heard));
    CHECK(heard.front() >= 0);
    CHECK(heard.back() <= 200);
  }
}

TEST_CASE("the hook cancels") {
  for (const int n_threads : kThreads) {
    CAPTURE(n_threads);
    std::atomic<Index> visits = 0;
    const auto stop = [](Index, Index) { return false; };
    CHECK_THROWS_AS(parallel_for(1000, 1, n_threads, stop, slow_worker(visits)), Cancelled);
    CHECK(visits.load() < 500);
  }
}

TEST_CASE("the hook's own exception cancels and comes back") {
  for (const int n_threads : kThreads) {
    CAPTURE(n_threads);
    std::atomic<Index> visits = 0;
    const auto interrupt = [](Index, Index) -> bool { throw std::runtime_error("interrupted"); };
    CHECK_THROWS_WITH_AS(parallel_for(1000, 1, n_threads, interrupt, slow_worker(visits)), "interrupted",
                         std::runtime_error);
    CHECK(visits.load() < 500);
  }
}

TEST_CASE("no work: no worker is called and no hook") {
  for (const int n_threads : kThreads) {
    int calls = 0;
    const auto count_call = [&](Index, Index) { return ++calls > 0; };
    parallel_for(0, 4, n_threads, count_call, [&] { return count_call; });
    CHECK(calls == 0);
  }
}

}  // namespace
}  // namespace drtengine::testing
