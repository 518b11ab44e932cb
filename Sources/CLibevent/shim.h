#ifndef RELAY_CLIBEVENT_H
#define RELAY_CLIBEVENT_H

// First, so that <features.h> is read before libevent's configuration defines _GNU_SOURCE: Swift's Glibc and Dispatch
// modules are built without it, and the three must agree on fd_set.
#include <sys/select.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <event2/util.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509err.h>
#include <malloc.h>
#include <sys/eventfd.h>

// OpenSSL's functions for versions, options and modes are macros or need constants that Swift cannot import.

/// Raises the minimum version to TLS 1.2, but keeps a higher minimum from openssl.cnf. Returns 0 on failure.
static inline int relay_ssl_require_tls12(SSL_CTX *context) {
    return SSL_CTX_get_min_proto_version(context) >= TLS1_2_VERSION ||
           SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
}

/// Hardens a context. Disables renegotiation, which costs CPU time, and compression, which leaks secrets (CRIME). Idle
/// connections free their buffers of 16 kB. For TLS 1.2, allows only cipher suites with forward secrecy and
/// authenticated encryption: a private key stolen later does not decrypt recorded traffic. Returns 0 if OpenSSL has no
/// such suite.
static inline int relay_ssl_harden(SSL_CTX *context) {
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_dh_auto(context, 1);
    return SSL_CTX_set_cipher_list(
        context, "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20:!aNULL:!kPSK:!aPSK");
}

#endif
