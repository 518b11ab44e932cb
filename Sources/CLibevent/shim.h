// Swift's Glibc module is built with this; without it the two disagree on fd_set.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <event2/util.h>
#include <sys/eventfd.h>
