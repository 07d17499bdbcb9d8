import arauto.client.ApiClient;
import arauto.client.ApiException;
import arauto.client.SigV4;
import arauto.client.StateChangesApi;
import arauto.client.model.Notification;
import arauto.client.model.PostStateChangesRequest;
import arauto.client.model.StateChange;
import arauto.client.model.Verdict;
import java.time.Clock;
import java.time.OffsetDateTime;
import java.util.Objects;

/** Reports that a payment was settled, and waits until its notification is delivered: CLIENT_ID PAYMENT_ID. */
public final class Notify {
    public static void main(String[] arguments) throws Exception {
        ApiClient client = new ApiClient();
        client.updateBaseUri(variable("ARAUTO_API_URL"));
        // Where ApiAuthorization is JWT: request -> request.setHeader("Authorization", "Bearer " + token)
        client.setRequestInterceptor(new SigV4(variable("AWS_REGION"), SigV4.Credentials::ofEnvironment));
        StateChangesApi api = new StateChangesApi(client);

        StateChange change = new StateChange()
            .clientId(arguments[0])
            .api("payments")
            .resource("pix_payment")
            .resourceId(arguments[1])
            .apiVersion("v5")
            .from("ACPD")
            .to("ACSC")
            .eventInstant(OffsetDateTime.now(Clock.systemUTC()));
        Verdict verdict = api.postStateChanges(new PostStateChangesRequest(change)).getVerdicts().get(0);
        if (verdict.getNotificationId() == null) {
            throw new IllegalStateException("no notification: " + verdict);
        }
        System.out.println(verdict.getVerdict() + " " + verdict.getNotificationId());

        for (int asked = 0; asked < 60; asked++) {
            try {
                Notification notification = api.getNotification(verdict.getNotificationId());
                if (notification.getStatus() == Notification.StatusEnum.DELIVERED) {
                    System.out.println("delivered to " + notification.getAttempts().get(0).getBaseUri());
                    return;
                }
            } catch (ApiException unknown) {
                // The ledger has it once its first attempt begins.
                if (unknown.getCode() != 404) {
                    throw unknown;
                }
            }
            Thread.sleep(500);
        }
        throw new IllegalStateException("not delivered within 30 s");
    }

    private static String variable(String name) {
        return Objects.requireNonNull(System.getenv(name), name + " is not set");
    }
}
