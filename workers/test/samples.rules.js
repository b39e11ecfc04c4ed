// rules/1 snapshots made by hand.

const EMPTY = { names: '', flags: [], fields: [], values: [], stickies: [], shares: [], conditions: [], shapes: [], impressions: [], hidden: [] }

/** @param {object} rules the tables that are not empty */
export const rulesText = rules =>
  JSON.stringify({ rules: { ...EMPTY, ...rules }, flagcast: { format: 'rules/1', environment: 'test', target: 't', revision: 1, digest: 'd', seq: 1 } })
