// parallel_for over threads of its own, and its serial twin.
//
// Work is handed out in chunks from one counter. Which thread takes which chunk is left to
// chance, so a chunk's result must depend on the chunk alone; then the bits are the same
// whatever the number of threads.
#pragma once

#include "drtengine/errors.hpp"
#include "drtengine/types.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace drtengine {

// Called on the calling thread now and then with the work done so far; false cancels.
using KeepGoing = std::function<bool(Index done, Index total)>;

namespace detail {

inline constexpr auto kHookInterval = std::chrono::milliseconds(30);

// Hands out [begin, end) chunks of 0..count.
class Chunks {
 public:
  Chunks(Index count, Index chunk) : count_(count), chunk_(chunk) {}

  bool next(Index& begin, Index& end) {
    begin = next_.fetch_add(chunk_);
    end = std::min(begin + chunk_, count_);
    return begin < count_ && !stopped_;
  }
  void finish(Index n) { done_ += n; }
  void stop() { stopped_ = true; }
  Index done() const { return done_; }

 private:
  Index count_, chunk_;
  std::atomic<Index> next_{0}, done_{0};
  std::atomic<bool> stopped_{false};
};

template <class MakeWorker>
void serial_for(Index count, Index chunk, const KeepGoing& keep_going, MakeWorker&& make_worker) {
  auto worker = make_worker();
  auto last_call = std::chrono::steady_clock::now();
  for (Index begin = 0; begin < count; begin += chunk) {
    const Index end = std::min(begin + chunk, count);
    worker(begin, end);
    const auto now = std::chrono::steady_clock::now();
    if (keep_going && (now - last_call >= kHookInterval || end == count)) {
      last_call = now;
      if (!keep_going(end, count)) throw Cancelled();
    }
  }
}

// Joins its threads when it goes, as std::jthread does, which Apple's library lacks.
struct Threads : std::vector<std::thread> {
  ~Threads() {
    for (std::thread& thread : *this) thread.join();
  }
};

}  // namespace detail

// Runs worker(begin, end) over chunks of 0..count. Every thread makes its own worker, the place
// for scratch memory. An exception from a worker stops the others and is rethrown here.
template <class MakeWorker>
void parallel_for(Index count, Index chunk, int n_threads, const KeepGoing& keep_going, MakeWorker&& make_worker) {
  const Index n_chunks = (count + chunk - 1) / chunk;
  n_threads = static_cast<int>(std::min<Index>(n_threads, n_chunks));
  if (n_threads <= 1) return detail::serial_for(count, chunk, keep_going, make_worker);

  detail::Chunks chunks(count, chunk);
  std::mutex mutex;
  std::condition_variable one_left;
  int running = n_threads;
  std::exception_ptr failure;
  {
    const auto run = [&] {
      try {
        auto worker = make_worker();
        for (Index begin, end; chunks.next(begin, end); chunks.finish(end - begin)) worker(begin, end);
      } catch (...) {
        const std::lock_guard lock(mutex);
        failure = std::current_exception();
        chunks.stop();
      }
      const std::lock_guard lock(mutex);
      --running;
      one_left.notify_one();
    };
    detail::Threads threads;
    threads.reserve(static_cast<std::size_t>(n_threads));
    for (int i = 0; i < n_threads; ++i) threads.emplace_back(run);

    std::unique_lock lock(mutex);
    while (running > 0) {
      one_left.wait_for(lock, detail::kHookInterval);
      if (!keep_going || failure) continue;
      lock.unlock();
      std::exception_ptr stopped;
      try {
        if (!keep_going(chunks.done(), count)) stopped = std::make_exception_ptr(Cancelled());
      } catch (...) {
        stopped = std::current_exception();
      }
      lock.lock();
      if (stopped) {
        chunks.stop();
        if (!failure) failure = stopped;
      }
    }
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace drtengine
