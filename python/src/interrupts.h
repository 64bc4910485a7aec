// Ctrl-C while a statement runs in Python's main thread.
//
// Python's own handler only notes the signal until the interpreter runs again, which a statement
// may put off for hours. So for the time of a call SIGINT has a handler of ours: it calls Python's,
// and wakes a thread that interrupts the session. The call then returns, and Python raises
// KeyboardInterrupt, or whatever its handler does.
#pragma once

#include "pyralog/database.h"

namespace pyralog::python {

// Once, when the module is imported. REQUIRES: the GIL.
void StartWatchingSignals();

// While it lives, SIGINT interrupts the session, if this is the main thread. Scopes nest.
class InterruptScope {
 public:
  explicit InterruptScope(Session& session);
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;
  ~InterruptScope();

 private:
  bool installed_ = false;
  Session* outer_ = nullptr;
};

// Lets Python handle signals that came, and throws what its handlers raise. REQUIRES: the GIL.
void CheckSignals();

}  // namespace pyralog::python
