/** Who makes the volumes of claims: a folder of the sandbox for each, which all of its nodes have. */
export const LOCAL_DRIVER = 'local.sandbox.membrane.io';
