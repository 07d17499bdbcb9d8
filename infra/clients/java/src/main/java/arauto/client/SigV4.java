package arauto.client;

import java.io.ByteArrayOutputStream;
import java.net.URI;
import java.net.URLDecoder;
import java.net.http.HttpRequest;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.Clock;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.Flow;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * Signs requests with AWS Signature Version 4, for a stack whose ApiAuthorization is IAM. It is an interceptor:
 * {@code new ApiClient().setRequestInterceptor(new SigV4(region, credentials))}.
 */
public final class SigV4 implements Consumer<HttpRequest.Builder> {
    /** Credentials of AWS; the token is null for those that do not expire. */
    public record Credentials(String accessKeyId, String secretAccessKey, String sessionToken) {
        /** Without the secrets. */
        @Override
        public String toString() {
            return "Credentials[" + accessKeyId + "]";
        }

        /** What the environment variables of AWS name. */
        public static Credentials ofEnvironment() {
            Map<String, String> environment = System.getenv();
            return new Credentials(Objects.requireNonNull(environment.get("AWS_ACCESS_KEY_ID"), "AWS_ACCESS_KEY_ID is not set"),
                Objects.requireNonNull(environment.get("AWS_SECRET_ACCESS_KEY"), "AWS_SECRET_ACCESS_KEY is not set"),
                environment.get("AWS_SESSION_TOKEN"));
        }
    }

    private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("yyyyMMdd'T'HHmmss'Z'").withZone(ZoneOffset.UTC);
    private static final String ALGORITHM = "AWS4-HMAC-SHA256";
    /** Those that go into the signature, besides host and the ones of AWS. */
    private static final String CONTENT_TYPE = "content-type";

    private final String service;
    private final String region;
    private final Supplier<Credentials> credentials;
    private final Clock clock;

    /** For the API. The credentials are asked for at each request, since most expire. */
    public SigV4(String region, Supplier<Credentials> credentials) {
        this("execute-api", region, credentials, Clock.systemUTC());
    }

    /** For any service, at any time. */
    SigV4(String service, String region, Supplier<Credentials> credentials, Clock clock) {
        this.service = service;
        this.region = Objects.requireNonNull(region, "no region is given; AWS_REGION may not be set");
        this.credentials = Objects.requireNonNull(credentials, "no credentials are given");
        this.clock = clock;
    }

    @Override
    public void accept(HttpRequest.Builder builder) {
        HttpRequest request = builder.copy().build();
        Credentials by = credentials.get();
        String time = TIME.format(clock.instant());
        Map<String, String> headers = new TreeMap<>();
        headers.put("host", request.uri().getRawAuthority());
        request.headers().firstValue(CONTENT_TYPE).ifPresent(type -> headers.put(CONTENT_TYPE, type.strip()));
        headers.put("x-amz-date", time);
        if (by.sessionToken() != null) {
            headers.put("x-amz-security-token", by.sessionToken());
            builder.setHeader("x-amz-security-token", by.sessionToken());
        }
        builder.setHeader("x-amz-date", time);
        builder.setHeader("Authorization", authorization(by, time, request, headers));
    }

    private String authorization(Credentials by, String time, HttpRequest request, Map<String, String> headers) {
        String names = String.join(";", headers.keySet());
        String canonical = String.join("\n",
            request.method(),
            path(request.uri()),
            query(request.uri()),
            headers.entrySet().stream().map(header -> header.getKey() + ":" + header.getValue() + "\n").collect(Collectors.joining()),
            names,
            hex(sha256(body(request))));
        String date = time.substring(0, 8);
        String scope = String.join("/", date, region, service, "aws4_request");
        byte[] key = utf8("AWS4" + by.secretAccessKey());
        for (String part : List.of(date, region, service, "aws4_request")) {
            key = hmac(key, part);
        }
        String signature = hex(hmac(key, String.join("\n", ALGORITHM, time, scope, hex(sha256(utf8(canonical))))));
        return ALGORITHM + " Credential=" + by.accessKeyId() + "/" + scope + ", SignedHeaders=" + names + ", Signature=" + signature;
    }

    /** The path as it is sent, encoded once more. */
    private static String path(URI uri) {
        String path = uri.getRawPath();
        return path == null || path.isEmpty() ? "/" : encode(path).replace("%2F", "/");
    }

    private static String query(URI uri) {
        String query = uri.getRawQuery();
        if (query == null || query.isEmpty()) {
            return "";
        }
        // Encoded as AWS does it: URLEncoder, for one, leaves an asterisk and encodes a tilde.
        List<String> pairs = new ArrayList<>();
        for (String pair : query.split("&")) {
            String[] both = pair.split("=", 2);
            pairs.add(encode(decode(both[0])) + "=" + (both.length == 2 ? encode(decode(both[1])) : ""));
        }
        // By name, then by value: the sign between them comes after characters that a name may hold.
        pairs.sort(Comparator.comparing(pair -> pair.replace('=', '\0')));
        return String.join("&", pairs);
    }

    private static String decode(String text) {
        return URLDecoder.decode(text.replace("+", "%2B"), StandardCharsets.UTF_8);
    }

    /** RFC 3986: all but unreserved characters. */
    private static String encode(String text) {
        StringBuilder encoded = new StringBuilder();
        for (byte one : utf8(text)) {
            char c = (char) (one & 0xff);
            boolean plain = c < 128 && (Character.isLetterOrDigit(c) || "-._~".indexOf(c) >= 0);
            encoded.append(plain ? String.valueOf(c) : String.format(Locale.ROOT, "%%%02X", (int) c));
        }
        return encoded.toString();
    }

    /** The bytes of the body, which the generated client holds in memory. */
    private static byte[] body(HttpRequest request) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        request.bodyPublisher().ifPresent(publisher -> publisher.subscribe(new Flow.Subscriber<ByteBuffer>() {
            @Override
            public void onSubscribe(Flow.Subscription subscription) {
                subscription.request(Long.MAX_VALUE);
            }

            @Override
            public void onNext(ByteBuffer part) {
                byte[] some = new byte[part.remaining()];
                part.get(some);
                bytes.writeBytes(some);
            }

            @Override
            public void onError(Throwable fault) {
                throw new IllegalStateException("the body cannot be read", fault);
            }

            @Override
            public void onComplete() {
            }
        }));
        return bytes.toByteArray();
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static String hex(byte[] bytes) {
        return HexFormat.of().formatHex(bytes);
    }

    private static byte[] sha256(byte[] bytes) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(bytes);
        } catch (GeneralSecurityException fault) {
            throw new IllegalStateException(fault);
        }
    }

    private static byte[] hmac(byte[] key, String text) {
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(key, "HmacSHA256"));
            return mac.doFinal(utf8(text));
        } catch (GeneralSecurityException fault) {
            throw new IllegalStateException(fault);
        }
    }
}
