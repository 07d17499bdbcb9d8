// Receives webhooks behind nginx.conf, with Jackson on the class path: BASE_PATH=/kong3 PORT=8080 java -cp '<jars>' Receiver.java

import com.fasterxml.jackson.databind.*;
import com.sun.net.httpserver.*;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Instant;
import java.util.*;
import java.util.concurrent.*;
import java.util.regex.Pattern;

public class Receiver {
    static final int MAX_BODY = 4096, DELAYS[] = {2, 10, 60}; // bytes; seconds between fetches that fail
    static final Pattern ID = Pattern.compile("[a-zA-Z0-9][a-zA-Z0-9-]{0,99}");
    static final Pattern PATH = Pattern.compile(Pattern.quote(System.getenv().getOrDefault("BASE_PATH", ""))
        + "/open-banking/webhook/v1/((payments/v\\d+/(consents|pix/payments)|enrollments/v\\d+/enrollments"
        + "|automatic-payments/v\\d+/(recurring-consents|pix/recurring-payments))/[^/?#]+)");
    static final ObjectMapper JSON = new ObjectMapper().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);
    static final Set<Key> seen = ConcurrentHashMap.newKeySet(); // in production a table, written before the 202
    static final ScheduledExecutorService workers = Executors.newScheduledThreadPool(32);
    record Key(String organisation, String resource, String timestamp) {}

    /** Yours: GET https://<host of that bank>/open-banking/<resource>, and store what it says. */
    static void fetch(Key key) throws Exception { System.out.println("fetch " + key.organisation + " " + key.resource); }

    static void work(Key key, int failures) {
        try { fetch(key); } catch (Exception error) { // no attempt follows a 202, so nobody else tries again
            if (failures < DELAYS.length) workers.schedule(() -> work(key, failures + 1), DELAYS[failures], TimeUnit.SECONDS);
            else System.out.println("gave up " + key + ": " + error); // for an operator to fetch
        }
    }

    static int receive(HttpExchange exchange) throws IOException {
        var headers = exchange.getRequestHeaders();
        var path = PATH.matcher(exchange.getRequestURI().toString());
        var id = Objects.toString(headers.getFirst("x-webhook-interaction-id"), "");
        if (!exchange.getRequestMethod().equals("POST") || !path.matches()) return 404;
        var body = exchange.getRequestBody().readNBytes(MAX_BODY + 1);
        if (body.length > MAX_BODY) return 413;
        String timestamp;
        try {
            timestamp = JSON.readTree(body).at("/data/timestamp").textValue();
            if (!Instant.parse(timestamp).toString().equals(timestamp) || !ID.matcher(id).matches()) return 400;
        } catch (IOException | RuntimeException malformed) { return 400; }
        var key = new Key(Objects.toString(headers.getFirst("x-organisation"), ""), path.group(1), timestamp);
        var isNew = seen.add(key);
        exchange.getResponseHeaders().set("x-webhook-interaction-id", id);
        System.out.println((isNew ? "accepted " : "known ") + id + " " + key.organisation + " " + key.resource + " " + timestamp);
        if (isNew) workers.schedule(() -> work(key, 0), 1, TimeUnit.SECONDS); // two changes within one second look the same
        if (isNew) workers.schedule(() -> seen.remove(key), 10, TimeUnit.MINUTES); // the attempts of a notification take less than two
        return 202;
    }

    public static void main(String[] arguments) throws IOException {
        var server = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(System.getenv("PORT"))), 0);
        server.setExecutor(Executors.newFixedThreadPool(32));
        server.createContext("/", exchange -> { try (exchange) { exchange.sendResponseHeaders(receive(exchange), -1); } });
        server.start();
    }
}
