#ifndef SETPOINT_CCURL_SHIM_H
#define SETPOINT_CCURL_SHIM_H

// The type checks of curl's macros need the option as a constant, which the wrappers below do not have.
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

#if LIBCURL_VERSION_NUM < 0x075000
#error "libcurl 7.80 or newer is needed (CURLOPT_PREREQFUNCTION)"
#endif

// Swift cannot call variadic C functions; here is one wrapper for each type of argument.

typedef size_t (*curl_data_callback)(char *_Nullable, size_t, size_t, void *_Nullable);
typedef int (*curl_prerequest_callback)(
    void *_Nullable, char *_Nullable, char *_Nullable, int, int);

static inline CURLcode curl_easy_setopt_long(CURL *_Nonnull handle, CURLoption option, long value) {
  return curl_easy_setopt(handle, option, value);
}

static inline CURLcode curl_easy_setopt_size(CURL *_Nonnull handle, CURLoption option, curl_off_t value) {
  return curl_easy_setopt(handle, option, value);
}

static inline CURLcode curl_easy_setopt_string(
    CURL *_Nonnull handle, CURLoption option, const char *_Nullable value) {
  return curl_easy_setopt(handle, option, value);
}

static inline CURLcode curl_easy_setopt_pointer(CURL *_Nonnull handle, CURLoption option, void *_Nullable value) {
  return curl_easy_setopt(handle, option, value);
}

static inline CURLcode curl_easy_setopt_data_callback(
    CURL *_Nonnull handle, CURLoption option, curl_data_callback _Nonnull value) {
  return curl_easy_setopt(handle, option, value);
}

static inline CURLcode curl_easy_setopt_prerequest_callback(
    CURL *_Nonnull handle, curl_prerequest_callback _Nonnull value) {
  return curl_easy_setopt(handle, CURLOPT_PREREQFUNCTION, value);
}

typedef int (*curl_transfer_callback)(void *_Nullable, curl_off_t, curl_off_t, curl_off_t, curl_off_t);

static inline CURLcode curl_easy_setopt_progress_callback(
    CURL *_Nonnull handle, curl_transfer_callback _Nonnull value) {
  return curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, value);
}

static inline CURLcode curl_easy_getinfo_long(CURL *_Nonnull handle, CURLINFO info, long *_Nonnull value) {
  return curl_easy_getinfo(handle, info, value);
}

static inline CURLcode curl_easy_getinfo_size(CURL *_Nonnull handle, CURLINFO info, curl_off_t *_Nonnull value) {
  return curl_easy_getinfo(handle, info, value);
}

static inline CURLcode curl_easy_getinfo_string(
    CURL *_Nonnull handle, CURLINFO info, char *_Nullable *_Nonnull value) {
  return curl_easy_getinfo(handle, info, value);
}

static inline CURLcode curl_easy_getinfo_pointer(
    CURL *_Nonnull handle, CURLINFO info, void *_Nullable *_Nonnull value) {
  return curl_easy_getinfo(handle, info, value);
}

static inline CURLMcode curl_multi_setopt_long(CURLM *_Nonnull handle, CURLMoption option, long value) {
  return curl_multi_setopt(handle, option, value);
}

static inline CURLSHcode curl_share_setopt_long(CURLSH *_Nonnull handle, CURLSHoption option, int value) {
  return curl_share_setopt(handle, option, value);
}

// A union in C: the transfer's result where the message says that the transfer is done.
static inline CURLcode curl_message_result(const CURLMsg *_Nonnull message) {
  return message->data.result;
}

// Options that came or changed between 7.80 and today.

// Which protocols a transfer may use, and which a redirect may lead to; a list of names, separated by commas.
static inline CURLcode curl_easy_set_protocols(CURL *_Nonnull handle, int tls_only_redirects) {
#if LIBCURL_VERSION_NUM >= 0x075500
  CURLcode code = curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  if (code != CURLE_OK) return code;
  return curl_easy_setopt(handle, CURLOPT_REDIR_PROTOCOLS_STR, tls_only_redirects ? "https" : "http,https");
#else
  CURLcode code = curl_easy_setopt(handle, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
  if (code != CURLE_OK) return code;
  return curl_easy_setopt(handle, CURLOPT_REDIR_PROTOCOLS,
                          (long)(tls_only_redirects ? CURLPROTO_HTTPS : (CURLPROTO_HTTP | CURLPROTO_HTTPS)));
#endif
}

// The same for a mail.
static inline CURLcode curl_easy_set_mail_protocols(CURL *_Nonnull handle) {
#if LIBCURL_VERSION_NUM >= 0x075500
  return curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
#else
  return curl_easy_setopt(handle, CURLOPT_PROTOCOLS, (long)(CURLPROTO_SMTP | CURLPROTO_SMTPS));
#endif
}

// Whether a mail server's connection must be encrypted, or only if the server offers it.
static inline CURLcode curl_easy_set_mail_encryption(CURL *_Nonnull handle, int is_required) {
  return curl_easy_setopt(handle, CURLOPT_USE_SSL, (long)(is_required ? CURLUSESSL_ALL : CURLUSESSL_TRY));
}

// Lets a transfer end while its name is still being looked up, instead of waiting for the resolver's thread.
static inline CURLcode curl_easy_set_quick_exit(CURL *_Nonnull handle) {
#if LIBCURL_VERSION_NUM >= 0x075700
  return curl_easy_setopt(handle, CURLOPT_QUICK_EXIT, 1L);
#else
  (void)handle;
  return CURLE_OK;
#endif
}

#endif
