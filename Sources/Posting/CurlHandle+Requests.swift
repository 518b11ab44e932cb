import CLibcurl
import Support

/// The options that all HTTP requests share.
extension CurlHandle {
    /// The transfer that the callbacks use. libcurl does not retain it, so it must outlive `perform`.
    func setReceiver(_ transfer: CurlTransfer) {
        let context = UnsafeRawPointer(Unmanaged.passUnretained(transfer).toOpaque())
        for option in [CURLOPT_WRITEDATA, CURLOPT_HEADERDATA, CURLOPT_XFERINFODATA, CURLOPT_PREREQDATA] {
            set(pointer: option, context)
        }
    }

    /// The options for TLS and proxies.
    func setSecurity(_ settings: DelivererSettings) {
        set(CURLOPT_PROTOCOLS_STR, "http,https")
        set(CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2)
        set(CURLOPT_SSL_VERIFYPEER, true)
        // 2: the certificate must name the host. 1 checks no more than 0.
        set(CURLOPT_SSL_VERIFYHOST, 2)
        set(CURLOPT_SUPPRESS_CONNECT_HEADERS, true)
        if let proxy = settings.proxy { set(CURLOPT_PROXY, proxy.revealed) }
        if let noProxy = settings.noProxy { set(CURLOPT_NOPROXY, noProxy) }
        if let file = settings.caFile { set(CURLOPT_CAINFO, file) }
        if let client = settings.clientCertificate {
            set(CURLOPT_SSLCERT, client.certificate)
            set(CURLOPT_SSLKEY, client.key)
        }
        if let folder = settings.caFolder { set(CURLOPT_CAPATH, folder) }
    }

    /// Lets the transfer of `setReceiver` read the response and decide whether the request continues.
    func setCallbacks() {
        set(
            receiver: CURLOPT_WRITEFUNCTION,
            { bytes, size, count, context in
                let piece = UnsafeRawBufferPointer(start: bytes, count: size * count)
                return CurlTransfer.at(context).receive(body: piece) ? piece.count : 0
            })
        set(
            receiver: CURLOPT_HEADERFUNCTION,
            { bytes, size, count, context in
                let line = UnsafeRawBufferPointer(start: bytes, count: size * count)
                return CurlTransfer.at(context).receive(header: line) ? line.count : 0
            })
        set(CURLOPT_NOPROGRESS, false)
        set(progress: { context, _, _, _, _ in CurlTransfer.at(context).mayContinue() ? 0 : 1 })
        set(prerequest: { context, _, _, _, _ in
            CurlTransfer.at(context).mayStartRequest() ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT
        })
    }
}

extension CurlTransfer {
    /// The transfer behind a callback's context; `perform` keeps it alive while libcurl can call.
    fileprivate static func at(_ context: UnsafeMutableRawPointer?) -> CurlTransfer {
        guard let context else { bug("libcurl called a callback without a context") }
        return Unmanaged<CurlTransfer>.fromOpaque(context).takeUnretainedValue()
    }
}
