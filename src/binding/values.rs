//! Converts JavaScript values to [`Raw`] values.

use napi::bindgen_prelude::{
    Array, FromNapiValue, Function, JsObjectValue, KeyCollectionMode, KeyConversion, KeyFilter, Object, Unknown,
};
use napi::{Env, JsDate, JsValue, Result, ValueType};

use crate::options::Raw;

/// Maximum number of values to read from one option. The maximum suffices for every key set, and limits the work if a
/// large object such as `req` is passed by mistake.
const MAX_VALUES_PER_OPTION: usize = 10_000;

/// Maximum nesting depth of an option's value: the depth of `x5c` in a key set.
const MAX_OPTION_DEPTH: usize = 6;

/// Converts a JavaScript value to a [`Raw`] value. Only own properties are read, because a polluted prototype could add
/// options.
pub fn raw(value: &Unknown) -> Result<Raw> {
    read(value, MAX_OPTION_DEPTH, &mut MAX_VALUES_PER_OPTION.clone())
}

/// Returns the values of the object's own properties with these names, or `undefined` for each name that the object
/// lacks. Returns an empty list if the value is not an object.
pub fn members(value: &Unknown, names: &[String]) -> Result<Vec<Raw>> {
    if value.get_type()? != ValueType::Object {
        return Ok(Vec::new());
    }
    let object = Object::from_unknown(*value)?;
    let env = Env::from_raw(value.value().env);
    let member = |name: &String| {
        // `get_named_property` would fail for a name with a NUL character.
        let key = env.create_string(name)?;
        if object.has_own_property(name)? { raw(&object.get_property(key)?) } else { Ok(Raw::Undefined) }
    };
    names.iter().map(member).collect()
}

fn read(value: &Unknown, depth: usize, budget: &mut usize) -> Result<Raw> {
    if depth == 0 || *budget == 0 {
        return Ok(Raw::Other("value nested too deep"));
    }
    *budget -= 1;
    Ok(match value.get_type()? {
        ValueType::Undefined => Raw::Undefined,
        ValueType::Null => Raw::Null,
        ValueType::Boolean => Raw::Bool(bool::from_unknown(*value)?),
        ValueType::Number => Raw::Number(f64::from_unknown(*value)?),
        ValueType::String => Raw::String(String::from_unknown(*value)?),
        ValueType::Function => Raw::Function,
        ValueType::Object if value.is_date()? => Raw::Date(JsDate::from_unknown(*value)?.value_of()?),
        ValueType::Object if value.is_array()? => {
            let array = Array::from_unknown(*value)?;
            if array.len() as usize > *budget {
                return Ok(Raw::Other("very long array"));
            }
            let mut items = Vec::new();
            for index in 0..array.len() {
                let item = array.get::<Unknown>(index)?;
                items.push(item.map_or(Ok(Raw::Undefined), |item| read(&item, depth - 1, budget))?);
            }
            Raw::List(items)
        }
        ValueType::Object => {
            let object = Object::from_unknown(*value)?;
            let names = object.get_all_property_names(
                KeyCollectionMode::OwnOnly,
                KeyFilter::Enumerable,
                KeyConversion::NumbersToStrings,
            )?;
            let mut members = Vec::new();
            for index in 0..names.get_array_length()? {
                let name = names.get_element::<Unknown>(index)?;
                if name.get_type()? == ValueType::String {
                    let value: Unknown = object.get_property(name)?;
                    // The values in each option are counted separately, so that one large option does not use up the
                    // limit for the other options.
                    let mut option_budget = MAX_VALUES_PER_OPTION;
                    let budget = if depth == MAX_OPTION_DEPTH { &mut option_budget } else { &mut *budget };
                    members.push((String::from_unknown(name)?, read(&value, depth - 1, budget)?));
                }
            }
            if members.is_empty() && is_reg_exp(value)? { Raw::RegExp } else { Raw::Object(members) }
        }
        ValueType::BigInt => Raw::Other("BigInt"),
        ValueType::Symbol => Raw::Other("symbol"),
        _ => Raw::Other("value of another kind"),
    })
}

/// Recognizes a regular expression by the type name that `Object.prototype.toString` returns. `instanceof` fails for
/// regular expressions from another realm, for example in Jest tests, and N-API cannot recognize regular expressions.
fn is_reg_exp(value: &Unknown) -> Result<bool> {
    let env = Env::from_raw(value.value().env);
    let object = env.get_global()?.get_named_property::<Unknown>("Object")?.coerce_to_object()?;
    let prototype: Object = object.get_named_property("prototype")?;
    let to_string: Function<(), String> = prototype.get_named_property("toString")?;
    Ok(to_string.apply(*value, ())? == "[object RegExp]")
}
