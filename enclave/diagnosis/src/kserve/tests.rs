use serde_json::{Value, json};

use super::*;
use crate::engine::{IoSpec, TensorSpec};
use crate::tensor::Tensor;

fn label() -> ModelLabel {
    ModelLabel { name: ModelName::parse("add-one").unwrap(), version: "1".into() }
}

fn spec() -> IoSpec {
    let named = |name: &str| TensorSpec { name: name.into(), shape: vec![None, Some(2)] };
    IoSpec { inputs: vec![named("x")], outputs: vec![named("y"), named("z")] }
}

fn input(data: &Value) -> Value {
    json!({"inputs": [{"name": "x", "shape": [2, 2], "datatype": "FP32", "data": data}]})
}

fn parse(body: &Value) -> Result<InferRequest, WireRefusal> {
    InferRequest::parse(None, body.to_string().as_bytes())
}

fn code(body: &Value) -> Option<&'static str> {
    parse(body).err().map(WireRefusal::code)
}

/// A body of JSON and binary, and its header.
fn binary(json: &Value, data: &[u8]) -> (String, Vec<u8>) {
    let mut body = json.to_string().into_bytes();
    let length = body.len().to_string();
    body.extend(data);
    (length, body)
}

fn announced(size: usize) -> Value {
    json!({"inputs": [{"name": "x", "shape": [2, 2], "datatype": "FP32", "parameters": {"binary_data_size": size}}]})
}

fn little_endian(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

mod requests {
    use super::*;

    #[test]
    fn flat_and_nested_data_are_the_same() {
        for data in [json!([1, 2.5, -3, 4]), json!([[1, 2.5], [-3, 4]])] {
            let request = parse(&input(&data)).ok().unwrap();
            assert_eq!(request.inputs()[0].shape(), [2, 2]);
            assert_eq!(request.inputs()[0].data(), [1.0, 2.5, -3.0, 4.0]);
        }
    }

    #[test]
    fn binary_tensors_follow_the_json() {
        let (length, body) = binary(&announced(16), &little_endian(&[1.0, 2.0, 3.0, 4.0]));
        let request = InferRequest::parse(Some(&length), &body).ok().unwrap();
        assert_eq!(request.inputs()[0].data(), [1.0, 2.0, 3.0, 4.0]);
    }

    #[test]
    fn id_and_wanted_outputs_are_kept() {
        let mut body = input(&json!([0, 0, 0, 0]));
        body["id"] = json!("r-1");
        body["parameters"] = json!({"binary_data_output": true, "sequence_id": 7});
        let all = parse(&body).ok().unwrap();
        assert_eq!(all.id(), Some("r-1"));
        let wanted = |name: &str, binary| WantedOutput { name: name.into(), binary };
        assert_eq!(all.outputs(&spec()), Ok(vec![wanted("y", true), wanted("z", true)]));
        body["outputs"] = json!([{"name": "z", "parameters": {"binary_data": false}}]);
        assert_eq!(parse(&body).ok().unwrap().outputs(&spec()), Ok(vec![wanted("z", false)]));
    }

    #[test]
    fn unknown_outputs_are_refused() {
        let mut body = input(&json!([0, 0, 0, 0]));
        for outputs in [json!([{"name": "none"}]), json!([])] {
            body["outputs"] = outputs;
            assert_eq!(parse(&body).ok().unwrap().outputs(&spec()), Err(WireRefusal::Output));
        }
    }

    #[test]
    fn lengths_that_do_not_fit_the_shape_are_refused() {
        assert_eq!(code(&input(&json!([1, 2, 3]))), Some("tensor.length"));
        assert_eq!(code(&input(&json!([1, 2, 3, 4, 5]))), Some("tensor.length"));
    }

    #[test]
    fn values_that_are_not_finite_are_refused() {
        assert_eq!(code(&input(&json!([1e39, 0, 0, 0]))), Some("tensor.not_finite"));
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let (length, body) = binary(&announced(16), &little_endian(&[0.0, value, 0.0, 0.0]));
            let refusal = InferRequest::parse(Some(&length), &body).err();
            assert_eq!(refusal.map(WireRefusal::code), Some("tensor.not_finite"));
        }
        let nan = br#"{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[NaN]}]}"#;
        assert_eq!(InferRequest::parse(None, nan).err(), Some(WireRefusal::Json));
    }

    #[test]
    fn other_types_are_refused() {
        for datatype in ["FP64", "FP16", "INT64", "BYTES", "fp32", ""] {
            let mut body = input(&json!([0, 0, 0, 0]));
            body["inputs"][0]["datatype"] = json!(datatype);
            assert_eq!(code(&body), Some("kserve.datatype"), "{datatype}");
        }
    }

    #[test]
    fn bodies_that_are_no_requests_are_refused() {
        for body in [
            json!([]),
            json!({}),
            json!({"inputs": 1}),
            json!({"inputs": [{"name": "x"}]}),
            json!({"inputs": [], "more": 1}),
            input(&json!(["1", 0, 0, 0])),
            input(&json!([null, 0, 0, 0])),
            input(&json!([[[[[[[[[1]]]]]]]]])),
            json!({"inputs": [{"name": "x", "shape": [-1, 2], "datatype": "FP32", "data": []}]}),
        ] {
            assert_eq!(code(&body), Some("kserve.malformed"), "{body}");
        }
        assert_eq!(InferRequest::parse(None, b"").err(), Some(WireRefusal::Json));
    }

    #[test]
    fn data_must_stand_in_exactly_one_place() {
        let neither = json!({"inputs": [{"name": "x", "shape": [1], "datatype": "FP32"}]});
        assert_eq!(code(&neither), Some("kserve.data"));
        let mut both = announced(16);
        both["inputs"][0]["data"] = json!([0, 0, 0, 0]);
        assert_eq!(code(&both), Some("kserve.data"));
    }

    #[test]
    fn the_dividing_header_must_lie_within_the_body() {
        let body = input(&json!([0, 0, 0, 0])).to_string();
        for length in ["", "-1", "1e3", "99999", "18446744073709551616"] {
            let refusal = InferRequest::parse(Some(length), body.as_bytes()).err();
            assert_eq!(refusal, Some(WireRefusal::HeaderLength), "{length}");
        }
        assert_eq!(InferRequest::parse(Some("1"), body.as_bytes()).err(), Some(WireRefusal::Json));
    }

    #[test]
    fn binary_sizes_must_add_up() {
        let data = little_endian(&[0.0; 4]);
        for (size, data) in [
            (16, &data[..12]),
            (12, &data[..]),
            (20, &data),
            (usize::MAX, &data),
            (16, &[&data[..], &[0]].concat()),
        ] {
            let (length, body) = binary(&announced(size), data);
            let refusal = InferRequest::parse(Some(&length), &body).err();
            assert_eq!(refusal, Some(WireRefusal::BinaryLength), "{size}");
        }
        // Announced, but the header that divides the body is missing.
        assert_eq!(code(&announced(16)), Some("kserve.binary_length"));
    }

    #[test]
    fn sizes_are_bounded() {
        let many: Vec<Value> = (0..=TENSORS_MAX)
            .map(|i| json!({"name": i.to_string(), "shape": [1], "datatype": "FP32", "data": [0]}))
            .collect();
        assert_eq!(code(&json!({"inputs": many})), Some("kserve.too_large"));
        let mut body = input(&json!([0, 0, 0, 0]));
        body["id"] = json!("i".repeat(ID_BYTES_MAX + 1));
        assert_eq!(code(&body), Some("kserve.too_large"));
        let vast = json!({"inputs": [{"name": "x", "shape": [1_u64 << 40, 1 << 30], "datatype": "FP32", "data": []}]});
        assert_eq!(code(&vast), Some("tensor.too_large"));
    }
}

mod responses {
    use super::*;

    fn results() -> Vec<Tensor> {
        let make =
            |name: &str, data: [f32; 2]| Tensor::new(name, vec![1, 2], data.to_vec()).ok().unwrap();
        vec![make("y", [1.5, 2.0]), make("z", [3.0, 4.0])]
    }

    fn wanted(pairs: &[(&str, bool)]) -> Vec<WantedOutput> {
        pairs.iter().map(|&(name, binary)| WantedOutput { name: name.into(), binary }).collect()
    }

    #[test]
    fn json_alone_needs_no_header() {
        let response =
            encode(&label(), Some("r-1"), &wanted(&[("y", false)]), &results()).ok().unwrap();
        assert_eq!((response.json_bytes, response.content_type()), (None, "application/json"));
        let body: Value = serde_json::from_slice(&response.body).unwrap();
        assert_eq!(
            body,
            json!({
                "model_name": "add-one", "model_version": "1", "id": "r-1",
                "outputs": [{"name": "y", "shape": [1, 2], "datatype": "FP32", "data": [1.5, 2.0]}],
            })
        );
    }

    #[test]
    fn binary_outputs_follow_in_the_order_asked_for() {
        let wanted = wanted(&[("z", true), ("y", true)]);
        let response = encode(&label(), None, &wanted, &results()).ok().unwrap();
        let (json, data) = response.body.split_at(response.json_bytes.unwrap());
        assert_eq!(response.content_type(), "application/octet-stream");
        let json: Value = serde_json::from_slice(json).unwrap();
        assert_eq!(json["outputs"][0]["name"], "z");
        assert_eq!(json["outputs"][0]["parameters"]["binary_data_size"], 8);
        assert_eq!(json["outputs"][0].get("data"), None);
        assert_eq!(data, little_endian(&[3.0, 4.0, 1.5, 2.0]));
    }

    #[test]
    fn what_was_encoded_can_be_read_as_a_request() {
        let response = encode(&label(), None, &wanted(&[("y", true)]), &results()).ok().unwrap();
        let split = response.json_bytes.unwrap();
        let mut json: Value = serde_json::from_slice(&response.body[..split]).unwrap();
        let (length, body) =
            binary(&json!({"inputs": json["outputs"].take()}), &response.body[split..]);
        let request = InferRequest::parse(Some(&length), &body).ok().unwrap();
        assert_eq!(request.inputs()[0].data(), [1.5, 2.0]);
    }
}

#[test]
fn metadata_names_types_and_free_dimensions() {
    let metadata = serde_json::to_value(model_metadata(&label(), "rten 0.27.0", &spec())).unwrap();
    assert_eq!(metadata["name"], "add-one");
    assert_eq!(metadata["versions"], json!(["1"]));
    assert_eq!(metadata["inputs"], json!([{"name": "x", "datatype": "FP32", "shape": [-1, 2]}]));
    let server = serde_json::to_value(server_metadata()).unwrap();
    assert_eq!(server["extensions"], json!(["binary_tensor_data"]));
}
