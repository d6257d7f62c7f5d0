import java.nio.file.Path;
import java.util.Map;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.node.InternalSettingsPreparer;

/** One node on loopback: folder, HTTP port, transport port. It ends when its input is closed. */
public class Node {
    public static void main(String[] given) throws Exception {
        Settings settings = Settings.builder()
            .put("path.home", given[0])
            .put("cluster.name", "aisle")
            .put("node.name", "node")
            .put("network.host", "127.0.0.1")
            .put("http.port", given[1])
            .put("transport.port", given[2])
            .put("discovery.type", "single-node")
            .put("cluster.routing.allocation.disk.threshold_enabled", false)
            .build();
        LogConfigurator.configureWithoutConfig(settings);
        Path config = Path.of(given[0], "config");
        new org.elasticsearch.node.Node(
            InternalSettingsPreparer.prepareEnvironment(settings, Map.of(), config, () -> "node")).start();
        while (System.in.read() != -1) { }
        System.exit(0);
    }
}
