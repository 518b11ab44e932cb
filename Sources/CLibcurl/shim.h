#ifndef RELAY_CLIBCURL_H
#define RELAY_CLIBCURL_H

#include <curl/curl.h>

// Swift cannot call variadic C functions, so there is one function per argument type of curl_easy_setopt and
// curl_easy_getinfo. The type must match exactly, because libcurl reads the argument from a va_list.

/// Sets an option of type long, which includes switches.
static inline CURLcode relay_curl_set_long(CURL *curl, CURLoption option, long value) {
    return curl_easy_setopt(curl, option, value);
}

/// Sets an option of type curl_off_t, a 64-bit size.
static inline CURLcode relay_curl_set_size(CURL *curl, CURLoption option, curl_off_t value) {
    return curl_easy_setopt(curl, option, value);
}

/// Sets a C string option. libcurl copies the string.
static inline CURLcode relay_curl_set_string(CURL *curl, CURLoption option, const char *value) {
    return curl_easy_setopt(curl, option, value);
}

/// Sets a pointer option. libcurl does not copy the memory, which must outlive its use.
static inline CURLcode relay_curl_set_pointer(CURL *curl, CURLoption option, const void *value) {
    return curl_easy_setopt(curl, option, value);
}

/// Sets a list option. libcurl does not copy the list.
static inline CURLcode relay_curl_set_list(CURL *curl, CURLoption option, struct curl_slist *value) {
    return curl_easy_setopt(curl, option, value);
}

/// Sets the function that receives the body (CURLOPT_WRITEFUNCTION) or header lines (CURLOPT_HEADERFUNCTION).
static inline CURLcode relay_curl_set_receiver(CURL *curl, CURLoption option, curl_write_callback value) {
    return curl_easy_setopt(curl, option, value);
}

/// Sets the progress function, which is called about once a second and can abort the transfer.
static inline CURLcode relay_curl_set_progress(CURL *curl, curl_xferinfo_callback value) {
    return curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, value);
}

/// Sets the function that is called when a connection is established, before the request is sent.
static inline CURLcode relay_curl_set_prerequest(CURL *curl, curl_prereq_callback value) {
    return curl_easy_setopt(curl, CURLOPT_PREREQFUNCTION, value);
}

/// The library's version information, in the structure version of the compile-time header.
static inline const curl_version_info_data *relay_curl_version(void) {
    return curl_version_info(CURLVERSION_NOW);
}

/// Reads information of type long about the last transfer.
static inline CURLcode relay_curl_get_long(CURL *curl, CURLINFO info, long *value) {
    return curl_easy_getinfo(curl, info, value);
}

/// Reads information of type curl_off_t about the last transfer, such as its times in microseconds.
static inline CURLcode relay_curl_get_size(CURL *curl, CURLINFO info, curl_off_t *value) {
    return curl_easy_getinfo(curl, info, value);
}

#endif
