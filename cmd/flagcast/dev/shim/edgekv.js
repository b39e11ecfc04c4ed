// EdgeKV of Alibaba Cloud EdgeRoutine and ESA functions over the store of flagcast dev,
// whose address replaces the word in capitals: get, put and delete, with the types and
// the bounds that Alibaba's documents give.
;(() => {
  const KEY = /^[A-Za-z0-9_-]{1,512}$/
  const LARGEST = 1800000 // bytes of a value

  globalThis.EdgeKV = class EdgeKV {
    #namespace

    constructor(options) {
      this.#namespace = options && (options.namespace || options.namespaceId)
      if (typeof this.#namespace !== 'string') {
        throw new TypeError('The argument to `EdgeKV` must be an object with a `namespace` or `namespaceId` field')
      }
    }

    async get(key, options) {
      const type = options && options.type || 'stream'
      const response = await this.#call('GET', key)
      if (response.status === 404) {
        await response.arrayBuffer()
        return undefined
      }
      if (type === 'stream') return response.body
      if (type === 'text' || type === 'json' || type === 'arrayBuffer') return response[type]()
      throw new TypeError('invalid type ' + type + ': want stream, text, json or arrayBuffer')
    }

    async put(key, value) {
      const body = await (value instanceof Response ? value : new Response(value)).arrayBuffer()
      if (body.byteLength > LARGEST) throw new TypeError('the value has ' + body.byteLength + ' bytes, more than ' + LARGEST)
      const response = await this.#call('PUT', key, body)
      if (!response.ok) throw new Error(await response.text())
    }

    async delete(key) {
      const found = (await this.#call('GET', key)).status !== 404
      await this.#call('DELETE', key)
      return found
    }

    #call(method, key, body) {
      if (typeof key !== 'string' || !KEY.test(key)) throw new TypeError('invalid key: want 1 to 512 characters of A-Z a-z 0-9 _ -')
      return fetch(STORE + key + '?namespace=' + encodeURIComponent(this.#namespace), { method, body })
    }
  }
})()
