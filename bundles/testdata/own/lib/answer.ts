export interface Answer { on: boolean; from: string[] }
export const answer = (on: boolean, text: string): Answer => ({ on, from: ['from a module', text] })
