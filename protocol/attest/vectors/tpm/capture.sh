#!/bin/sh
# Makes evidence with a new software TPM (Debian: swtpm swtpm-tools tpm2-tools jq openssl):
#   sh capture.sh FOLDER PORT NONCE_HEX LOG_JSON
# FOLDER gets the TPM's state, its CA and everything raw; captured.json is printed. The log
# is extended as a launcher would, each event as SHA-256 of its canonical JSON.
set -eu
folder=$1 port=$2 nonce=$3 log=$4
mkdir -p "$folder/ca" "$folder/state"
cd "$folder"
cat > localca.conf <<END
statedir = $PWD/ca
signingkey = $PWD/ca/signkey.pem
issuercert = $PWD/ca/issuercert.pem
certserial = $PWD/ca/certserial
END
: > localca.options
cat > setup.conf <<END
create_certs_tool = /usr/bin/swtpm_localca
create_certs_tool_config = $PWD/localca.conf
create_certs_tool_options = $PWD/localca.options
active_pcr_banks = sha256
END
swtpm_setup --tpm2 --tpmstate state --config setup.conf --create-ek-cert --pcr-banks sha256 \
    --overwrite --write-ek-cert-files . > setup.log
swtpm socket --tpm2 --tpmstate dir="$PWD/state" --flags not-need-init,startup-clear --daemon \
    --pid file="$PWD/pid" --server type=tcp,port="$port",bindaddr=127.0.0.1 \
    --ctrl type=tcp,port=$((port + 1)),bindaddr=127.0.0.1
export TPM2TOOLS_TCTI="swtpm:host=127.0.0.1,port=$port"

tpm2_createek -c ek.ctx -G rsa -u ek.pub; tpm2_flushcontext -t
tpm2_createak -C ek.ctx -c ak.ctx -G ecc -g sha256 -s ecdsa -u ak.pub -n ak.name > /dev/null
tpm2_flushcontext -t
for pcr in 0 4 7; do # stands for firmware that measures itself
    tpm2_pcrextend "$pcr:sha256=$(printf 'firmware %s' "$pcr" | sha256sum | cut -c1-64)"
done
count=$(jq length "$log") at=0
while [ "$at" -lt "$count" ]; do
    pcr=$(jq -r ".[$at].pcr" "$log")
    tpm2_pcrextend "$pcr:sha256=$(jq -cSj ".[$at]" "$log" | sha256sum | cut -c1-64)"
    at=$((at + 1))
done
all=0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
quote() { # NAME KEY SELECTION
    tpm2_quote -c "$2" -l "sha256:$3" -q "$nonce" -m "$1.msg" -s "$1.sig" -g sha256 > /dev/null
    tpm2_flushcontext -t
}
quote quote ak.ctx $all
quote fewer ak.ctx 0,1,2,3,4,5,6,7,8,9,10,11
tpm2_pcrread -o pcrs.a sha256:0,1,2,3,4,5,6,7 > /dev/null
tpm2_pcrread -o pcrs.b sha256:8,9,10,11,12,13,14,15 > /dev/null
cat pcrs.a pcrs.b > pcrs
# A key that may sign whatever it is given: the TPM quotes with it all the same.
tpm2_createprimary -C o -G ecc256:ecdsa-sha256:null -c loose.ctx \
    -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign' > /dev/null
tpm2_flushcontext -t
tpm2_readpublic -c loose.ctx -o loose.pub > /dev/null
tpm2_flushcontext -t
quote loose loose.ctx $all
# An attestation of another type, by the attestation key.
tpm2_gettime -c ak.ctx -q "$nonce" -o time.sig --attestation time.msg -g sha256 > /dev/null
tpm2_flushcontext -t

b64() { basenc --base64url -w0 "$1" | tr -d '='; }
der() { openssl x509 -in "$1" -outform der -out "$1.der"; b64 "$1.der"; }
public() { tail -c +3 "$1" > "$1.t"; b64 "$1.t"; }
hex() { od -An -tx1 -v -w32 "$1" | tr -d ' ' | jq -R . | jq -cs .; }
jq -n --slurpfile log "$log" --arg quote "$(b64 quote.msg)" --arg signature "$(b64 quote.sig)" \
    --argjson pcrs "$(hex pcrs)" --arg ak "$(public ak.pub)" --arg ek "$(b64 ek-rsa2048.crt)" \
    --arg ecc "$(b64 ek-secp384r1.crt)" \
    --arg issuer "$(der ca/issuercert.pem)" --arg root "$(der ca/swtpm-localca-rootca-cert.pem)" \
    --arg fewer "$(b64 fewer.msg)" --arg fewer_sig "$(b64 fewer.sig)" \
    --arg time "$(b64 time.msg)" --arg time_sig "$(b64 time.sig)" \
    --arg loose "$(b64 loose.msg)" --arg loose_sig "$(b64 loose.sig)" \
    --arg loose_key "$(public loose.pub)" --arg ek_public "$(public ek.pub)" '{
      quote: $quote, signature: $signature, pcrs: $pcrs, log: $log[0], ak_public: $ak,
      ek_certificate: $ek, ek_issuer: $issuer, ek_root: $root, ek_public: $ek_public,
      ek_certificate_ecc: $ecc,
      fewer_registers: {quote: $fewer, signature: $fewer_sig},
      time: {quote: $time, signature: $time_sig},
      unrestricted: {quote: $loose, signature: $loose_sig, ak_public: $loose_key}
    }'
