// Manufacturers of TPMs, by their TCG vendor ids. They belong to TPM evidence and to tokens.

/** libtpms, the IBM and Microsoft simulators (Hyper-V's too), VMware, Amazon. */
const SOFTWARE: readonly string[] = ["00001014", "49424D20", "4D534654", "564D5700", "414D5A4E"];

/** Whether TPMs of `id:0123ABCD` are programs, which no hardware stands behind by itself. */
export function isSoftware(manufacturer: string): boolean {
  return SOFTWARE.includes(manufacturer.slice("id:".length).toUpperCase());
}
