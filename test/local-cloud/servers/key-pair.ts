/** What stands for a principal at every server of the local cloud. */
export interface KeyPair {
  /** 16 characters or more. */
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}
