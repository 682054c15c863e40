/* SPDX-License-Identifier: Apache-2.0 */
/* The way to the service: its name, the connection, its certificate, and its clock. */
#include "cli/check.h"

#include <curl/curl.h>

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define TIMEOUT_DEFAULT 20
/* Shared access signatures and certificates bear no more. Seconds. */
#define SKEW_MAXIMUM 300
#define URL_MAXIMUM 512

static size_t ignore(char *data, size_t size, size_t count, void *closure)
{
    (void)data;
    (void)closure;
    return size * count;
}

/* Takes the Date header. */
static size_t take_date(char *data, size_t size, size_t count, void *closure)
{
    char line[64] = "";

    if (size * count < sizeof line) {
        memcpy(line, data, size * count);
        if (strncasecmp(line, "Date:", 5) == 0)
            *(time_t *)closure = curl_getdate(line + 5, NULL);
    }
    return size * count;
}

static CURLcode fetch(CURL *curl, const struct cli_check_options *options, time_t *date, char *error)
{
    char url[URL_MAXIMUM];
    int length = snprintf(url, sizeof url, "%s%s", strstr(options->endpoint, "://") == NULL ? "https://" : "",
                          options->endpoint);

    if (length < 0 || (size_t)length >= sizeof url)
        return CURLE_URL_MALFORMAT;
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT,
                     (long)(options->timeout != 0 ? options->timeout : TIMEOUT_DEFAULT));
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, ignore);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_date);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, date);
    if (options->ca_file != NULL) {
        curl_easy_setopt(curl, CURLOPT_CAINFO, options->ca_file);
        curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
    }
    return curl_easy_perform(curl);
}

/* What each failure is about, and what to do. The first row fits all others. */
static const struct advice {
    CURLcode code;
    const char *check;
    const char *text;
} advices[] = {
    {CURLE_OK,                       "endpoint", "is a firewall or a proxy (HTTPS_PROXY) in between?"     },
    {CURLE_COULDNT_RESOLVE_HOST,     "DNS",      "check the name, and the name server in /etc/resolv.conf"},
    {CURLE_COULDNT_RESOLVE_PROXY,    "DNS",      "check HTTPS_PROXY"                                      },
    {CURLE_URL_MALFORMAT,            "endpoint", "give it as https://HOST[:PORT]"                         },
    {CURLE_UNSUPPORTED_PROTOCOL,     "endpoint", "give it as https://HOST[:PORT]"                         },
    {CURLE_PEER_FAILED_VERIFICATION, "TLS",
     "install ca-certificates, or name the service's CA with --ca-file; a proxy that opens TLS needs its "
     "own"                                                                                                },
    {CURLE_SSL_CACERT_BADFILE,       "TLS",      "check the file of --ca-file"                            },
    {CURLE_SSL_CONNECT_ERROR,        "TLS",      "does HTTPS listen there?"                               },
};

static void explain(struct cli_checks *checks, const struct cli_check_options *options, CURLcode code,
                    const char *error)
{
    const struct advice *advice = advices;

    for (size_t i = 1; i < sizeof advices / sizeof advices[0]; i++)
        if (advices[i].code == code)
            advice = &advices[i];
    cli_check_fail(checks, CLI_NETWORK, advice->check, "%s: %s; %s", options->endpoint,
                   error[0] != '\0' ? error : curl_easy_strerror(code), advice->text);
}

void cli_check_endpoint(struct cli_checks *checks, const struct cli_check_options *options)
{
    char error[CURL_ERROR_SIZE] = "";
    time_t date = -1;
    CURL *curl = curl_easy_init();
    CURLcode code = curl != NULL ? fetch(curl, options, &date, error) : CURLE_OUT_OF_MEMORY;
    long long skew;

    curl_easy_cleanup(curl);
    if (code != CURLE_OK) {
        explain(checks, options, code, error);
        return;
    }
    cli_check_ok(checks, "DNS", "%s is found and answers", options->endpoint);
    cli_check_ok(checks, "TLS", "its certificate is trusted");
    if (date < 0)
        return;
    skew = (long long)time(NULL) - (long long)date;
    if (skew > SKEW_MAXIMUM || skew < -SKEW_MAXIMUM)
        cli_check_fail(checks, CLI_INPUT, "clock",
                       "is %lld seconds %s that of the service, which then refuses signatures; set it "
                       "(timedatectl set-ntp true)",
                       skew < 0 ? -skew : skew, skew < 0 ? "behind" : "ahead of");
    else
        cli_check_ok(checks, "clock", "agrees with the service's");
}
