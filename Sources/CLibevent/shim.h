// First, so that <features.h> is read before libevent's configuration defines _GNU_SOURCE: Swift's Glibc and Dispatch
// modules are built without it, and the three must agree on fd_set.
#include <sys/select.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <event2/util.h>
#include <sys/eventfd.h>
