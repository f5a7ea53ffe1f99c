#include "server/task_thread.h"

#include <pthread.h>

#include <exception>
#include <utility>

namespace llorch {

TaskThread::TaskThread(const char* name)
    : thread_([this, name] {
        ::pthread_setname_np(::pthread_self(), name);
        run();
      }) {}

TaskThread::~TaskThread() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void TaskThread::post(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  wake_.notify_one();
}

void TaskThread::run() {
  for (;;) {
    std::function<void()> task;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stop_ || !tasks_.empty(); });
      if (tasks_.empty()) {
        return;
      }
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    try {
      task();
    } catch (const std::exception&) {  // out of memory: what the task had promised to answer is dropped, and says so
    }
  }
}

}  // namespace llorch
