/* SPDX-License-Identifier: Apache-2.0 */
/* What the machine gives: a TPM, a clock, OpenSSL with the provider, p11-kit. */
#include "cli/check.h"

#include <openssl/err.h>
#include <openssl/provider.h>
#include <p11-kit/p11-kit.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TPM "TPM"
#define UDEV_LINE "KERNEL==\"tpmrm[0-9]*\", MODE=\"0660\", GROUP=\"tss\""

/* 2025-01-01; a device without a battery starts in 1970 or when its image was made. */
#define CLOCK_MINIMUM 1735689600

#define PERMIT                                                                                               \
    "may not be used by this user; put the line  " UDEV_LINE                                                 \
    "  in /etc/udev/rules.d/60-devid-tpm.rules, run 'udevadm control --reload' and 'udevadm trigger', then " \
    "'usermod -aG tss USER', and log in anew"

void cli_check_tcti(struct cli_checks *checks, const char *who, const char *tcti)
{
    static const char device[] = "device:";
    const char *path = strstr(tcti, device) == tcti ? tcti + strlen(device) : NULL;

    if (path == NULL || access(path, R_OK | W_OK) == 0)
        cli_check_ok(checks, TPM, "%s names it: %s", who, tcti);
    else if (access(path, F_OK) == 0)
        cli_check_fail(checks, CLI_TOKEN, TPM, "%s names %s, which " PERMIT, who, path);
    else
        cli_check_fail(checks, CLI_TOKEN, TPM,
                       "%s names %s, which is not there; correct it, or see to its driver", who, path);
}

void cli_check_tpm(struct cli_checks *checks)
{
    const char *tcti = getenv("DEVID_TCTI");

    if (tcti != NULL && tcti[0] != '\0')
        cli_check_tcti(checks, "$DEVID_TCTI", tcti);
    else if (access("/dev/tpmrm0", R_OK | W_OK) == 0)
        cli_check_ok(checks, TPM, "/dev/tpmrm0 may be used");
    else if (checks->names_tpm)
        return; /* the tokens have theirs */
    else if (access("/dev/tpmrm0", F_OK) == 0)
        cli_check_fail(checks, CLI_TOKEN, TPM, "/dev/tpmrm0 " PERMIT);
    else if (access("/dev/tpm0", F_OK) == 0)
        cli_check_warn(checks, TPM,
                       "/dev/tpm0 is there without a resource manager, one program at a time can "
                       "use it; install tpm2-abrmd, or a kernel with /dev/tpmrm0");
    else
        cli_check_warn(checks, TPM,
                       "there is no /dev/tpmrm0; switch the TPM on in the firmware's set-up, name "
                       "another in DEVID_TCTI or devid.conf, or use tokens without a TPM "
                       "('devid token init --backend file')");
}

static void check_clock(struct cli_checks *checks)
{
    if (time(NULL) < CLOCK_MINIMUM)
        cli_check_fail(checks, CLI_INPUT, "clock",
                       "is in the past, so that no certificate is valid; set it "
                       "(timedatectl set-ntp true)");
    else
        cli_check_ok(checks, "clock", "is plausible");
}

/* Loads the provider into a context of its own; `directory` NULL: where OpenSSL looks. */
static bool loads(const char *directory, char *why, size_t size)
{
    OSSL_LIB_CTX *context = OSSL_LIB_CTX_new();
    OSSL_PROVIDER *provider = NULL;

    if (context != NULL && (directory == NULL || OSSL_PROVIDER_set_default_search_path(context, directory)))
        provider = OSSL_PROVIDER_load(context, "devid");
    if (provider == NULL) {
        const char *data = NULL;
        int flags = 0;
        unsigned long error = ERR_peek_error_all(NULL, NULL, NULL, &data, &flags);

        if (data != NULL && data[0] != '\0' && (flags & ERR_TXT_STRING) != 0)
            snprintf(why, size, "%s", data);
        else
            ERR_error_string_n(error, why, size);
        ERR_clear_error();
    }
    if (provider != NULL)
        OSSL_PROVIDER_unload(provider);
    OSSL_LIB_CTX_free(context);
    return provider != NULL;
}

static void check_provider(struct cli_checks *checks)
{
    char directory[PATH_MAX] = DEVID_PROVIDER;
    char why[CLI_CHECK_TEXT / 2] = "";

    *strrchr(directory, '/') = '\0';
    if (loads(NULL, why, sizeof why))
        cli_check_ok(checks, "provider", "OpenSSL loads it");
    else if (loads(directory, why, sizeof why))
        cli_check_warn(
            checks, "provider",
            "is in %s, where other programs' OpenSSL does not look; set OPENSSL_MODULES to that, or "
            "'module =' in openssl.cnf",
            directory);
    else
        cli_check_fail(
            checks, CLI_INPUT, "provider",
            "OpenSSL cannot load it (%s); install DevID anew, or set OPENSSL_MODULES to the directory "
            "of devid.so",
            why);
}

/* Whether one of p11-kit's modules is DevID's. The modules are loaded, and not initialised. */
static bool is_registered(CK_FUNCTION_LIST **modules)
{
    for (size_t i = 0; modules[i] != NULL; i++) {
        char *path = p11_kit_module_get_filename(modules[i]);
        bool ours = path != NULL && strstr(path, "devid-pkcs11.so") != NULL;

        free(path);
        if (ours)
            return true;
    }
    return false;
}

static void check_p11_kit(struct cli_checks *checks)
{
    CK_FUNCTION_LIST **modules = p11_kit_modules_load(NULL, 0);

    if (modules != NULL && is_registered(modules))
        cli_check_ok(checks, "p11-kit", "shows DevID's tokens to other programs");
    else
        cli_check_warn(
            checks, "p11-kit",
            "does not know the module, programs that use it see no tokens of DevID; copy devid.module "
            "to /etc/pkcs11/modules/");
    if (modules != NULL)
        p11_kit_modules_release(modules);
}

void cli_check_system(struct cli_checks *checks)
{
    check_clock(checks);
    check_provider(checks);
    check_p11_kit(checks);
}
