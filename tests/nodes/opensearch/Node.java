import org.codelibs.opensearch.runner.OpenSearchRunner;

/** One node on loopback: folder, HTTP port, transport port. It ends when its input is closed. */
public class Node {
    public static void main(String[] given) throws Exception {
        OpenSearchRunner runner = new OpenSearchRunner();
        runner.onBuild((number, settings) -> {
            settings.put("http.port", given[1]);
            settings.put("transport.port", given[2]);
            settings.put("discovery.type", "single-node");
            settings.put("cluster.routing.allocation.disk.threshold_enabled", false);
        });
        runner.build(OpenSearchRunner.newConfigs().basePath(given[0]).numOfNode(1).clusterName("aisle"));
        while (System.in.read() != -1) { }
        System.exit(0);
    }
}
