// How often this program has called operator new. Any thread.
#pragma once

#include <atomic>

extern std::atomic<long> allocations;
