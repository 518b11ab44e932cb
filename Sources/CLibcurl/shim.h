#ifndef RELAY_CLIBCURL_H
#define RELAY_CLIBCURL_H

#include <curl/curl.h>

// Swift cannot call variadic C functions, so each type of argument that curl_easy_setopt and curl_easy_getinfo
// take has a function of its own. A `long` must arrive as a long: libcurl reads it by its type from the va_list.

/// Sets an option that takes a number or a switch.
static inline CURLcode relay_curl_set_long(CURL *curl, CURLoption option, long value) {
    return curl_easy_setopt(curl, option, value);
}

/// Sets an option that takes a size of 64 bits.
static inline CURLcode relay_curl_set_size(CURL *curl, CURLoption option, curl_off_t value) {
    return curl_easy_setopt(curl, option, value);
}

/// Sets an option that takes a C string, which libcurl copies.
static inline CURLcode relay_curl_set_string(CURL *curl, CURLoption option, const char *value) {
    return curl_easy_setopt(curl, option, value);
}

/// Sets an option that takes memory which libcurl does not copy and which must outlive its use.
static inline CURLcode relay_curl_set_pointer(CURL *curl, CURLoption option, const void *value) {
    return curl_easy_setopt(curl, option, value);
}

/// Sets an option that takes a list, which libcurl does not copy.
static inline CURLcode relay_curl_set_list(CURL *curl, CURLoption option, struct curl_slist *value) {
    return curl_easy_setopt(curl, option, value);
}

/// Sets the function that receives the body (CURLOPT_WRITEFUNCTION) or header lines (CURLOPT_HEADERFUNCTION).
static inline CURLcode relay_curl_set_receiver(CURL *curl, CURLoption option, curl_write_callback value) {
    return curl_easy_setopt(curl, option, value);
}

/// Sets the function that is asked, about once a second, whether to go on.
static inline CURLcode relay_curl_set_progress(CURL *curl, curl_xferinfo_callback value) {
    return curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, value);
}

/// Sets the function that is called when a connection stands and before a request leaves on it.
static inline CURLcode relay_curl_set_prerequest(CURL *curl, curl_prereq_callback value) {
    return curl_easy_setopt(curl, CURLOPT_PREREQFUNCTION, value);
}

/// The library's versions, of the structure's age that this was compiled with.
static inline const curl_version_info_data *relay_curl_version(void) {
    return curl_version_info(CURLVERSION_NOW);
}

/// Reads a fact about the last transfer that is a number.
static inline CURLcode relay_curl_get_long(CURL *curl, CURLINFO info, long *value) {
    return curl_easy_getinfo(curl, info, value);
}

#endif
