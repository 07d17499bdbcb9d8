package arauto.client;

import arauto.client.model.PostStateChangesRequest;
import arauto.client.model.StateChange;
import java.net.URI;
import java.net.http.HttpRequest;
import java.time.Clock;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.List;

/** The signature against AWS's published example, and requests of all kinds against a gateway that checks signatures: URL. */
public final class SigV4Test {
    /** "Create a signed AWS API request" of the IAM User Guide; the credentials are of the documentation. */
    private static void signsThePublishedExample() {
        Clock then = Clock.fixed(Instant.parse("2015-08-30T12:36:00Z"), ZoneOffset.UTC);
        HttpRequest.Builder builder = HttpRequest.newBuilder(URI.create("https://iam.amazonaws.com/?Version=2010-05-08&Action=ListUsers"))
            .header("Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
        new SigV4("iam", "us-east-1", () -> new SigV4.Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", null), then)
            .accept(builder);
        expect("5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
            builder.build().headers().firstValue("Authorization").orElseThrow().split("Signature=")[1]);
    }

    private static void signsWhatTheClientSends(String url) {
        ApiClient client = new ApiClient();
        client.updateBaseUri(url);
        client.setRequestInterceptor(new SigV4(System.getenv("AWS_REGION"), SigV4.Credentials::ofEnvironment));
        ClientsApi clients = new ClientsApi(client);
        for (String id : List.of("itp-1", "a/b?c d%", "a=b:c+d~e", "(it's)*!")) {
            for (String brand : List.of("bancoex-digital", "a b+c&d=e/f", "ção~*'()")) {
                expect(404, statusOf(() -> clients.getClient(ApiClient.urlEncode(id), brand)));
            }
            expect(404, statusOf(() -> clients.deleteClient(ApiClient.urlEncode(id), "b", OffsetDateTime.parse("2026-11-22T10:15:30-03:00"))));
        }
        StateChange change = new StateChange().clientId("itp-1").resource("consent").resourceId("urn:ção:1").cause("não \"sei\"");
        StateChangesApi changes = new StateChangesApi(client);
        expect(404, statusOf(() -> changes.postStateChanges(new PostStateChangesRequest(change))));

        client.setRequestInterceptor(new SigV4(System.getenv("AWS_REGION"), () -> new SigV4.Credentials("test", "wrong", null)));
        expect(403, statusOf(() -> new ClientsApi(client).getClient("itp-1", null)));
    }

    private static void saysWhatIsNotSet() {
        try {
            new SigV4(null, SigV4.Credentials::ofEnvironment);
        } catch (NullPointerException missing) {
            expect(true, missing.getMessage().contains("AWS_REGION"));
            return;
        }
        throw new AssertionError("a signature without a region");
    }

    private interface Call {
        void run() throws ApiException;
    }

    private static int statusOf(Call call) {
        try {
            call.run();
            return 200;
        } catch (ApiException answered) {
            if (answered.getCode() == 0) {
                throw new AssertionError(answered);
            }
            return answered.getCode();
        }
    }

    private static int expectations;

    private static void expect(Object expected, Object found) {
        if (!expected.equals(found)) {
            throw new AssertionError("expected " + expected + ", not " + found);
        }
        expectations++;
    }

    public static void main(String[] arguments) {
        signsThePublishedExample();
        saysWhatIsNotSet();
        signsWhatTheClientSends(arguments[0]);
        System.out.println("    Java: " + expectations + " answers were as expected");
    }
}
